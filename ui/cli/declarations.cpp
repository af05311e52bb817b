#include "ui/cli/declarations.h"

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "ui/cli/commands.h"
#include "ui/cli/kvm_host.h"
#include "ui/cli/lab_commands.h"

namespace ringside::cli {
namespace {

void add_guest_options(CLI::App& command, GuestOptions& o) {
  command
      .add_option(
          "guest", o.guest,
          "a built-in guest (see `ringside guests`) or a file: Multiboot ELF32, Linux bzImage, flat binary, "
          "boot sector")
      ->type_name("GUEST|FILE");
  command.add_option("-m,--memory", o.memory, "guest RAM in MiB, or with K, M or G")
      ->type_name("SIZE")
      ->capture_default_str();
  command.add_option("--append", o.append, "command line for the guest, for example run=primes,forkwait")
      ->type_name("TEXT");
  command.add_option("--kernel", o.kernel, "the guest as a file, as QEMU names it")->type_name("FILE");
  command
      .add_option(
          "--initrd", o.initrd,
          "initial RAM disk of a Linux kernel; for a Multiboot kernel its modules, with commas between")
      ->type_name("FILE");
  command
      .add_option("--symbols", o.symbols,
                  "names for the guest's functions: a System.map, or an ELF file that is not stripped")
      ->type_name("FILE");
  command.add_option("--pv-kernel", o.paravirtual_kernel, "its paravirtual build, for mode para")
      ->type_name("FILE");
  command.add_option("--disk,--hda", o.disk, "disk image; changes are not written back")->type_name("FILE");
  command.add_option("--profile", o.profile, "cost profile (see `ringside profiles`)")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option("--sensitive", o.sensitive,
                  "what sensitive instructions do outside ring 0: trap, or leak as on a real x86")
      ->type_name("trap|leak")
      ->capture_default_str();
  command.add_option("--irqchip", o.irqchip, "kvm: who has interrupt controller and timer, user or kernel")
      ->check(CLI::IsMember({"user", "kernel"}))
      ->type_name("user|kernel")
      ->capture_default_str();
  command
      .add_option("--io", o.io,
                  "how the guest reaches disk, console and network: ports, memory-mapped, a ring, a ring "
                  "that is polled, "
                  "or a device of its own")
      ->type_name("pio|mmio|ring|poll|passthrough")
      ->capture_default_str();
  command
      .add_option("--pv", o.pv,
                  "help for a guest that looks for it: kvmclock under hvm and kvm, and virtio-console, "
                  "virtio-blk and virtio-net on the PCI bus")
      ->type_name("LIST");
  command
      .add_option("--peer", o.peer, "the guest of a second machine on the same network; netio brings its own")
      ->type_name("GUEST|FILE");
  command.add_option("--peer-mode", o.peer_mode, "the second machine's mode; without it, the first one's")
      ->type_name("MODE");
  command.add_option("--link", o.link, "bits a second that the network carries, also with k, M or G")
      ->type_name("RATE")
      ->capture_default_str();
  command.add_flag("--nat", o.nat, "the machine is behind an address translator, at a price a packet");
  command.add_option("--shadow", o.shadow, "trap: shadow-paging policy, demand, cached or unsync")
      ->type_name("POLICY")
      ->capture_default_str();
  command
      .add_option("--ept-levels", o.ept_levels,
                  "hvm: levels of the nested page tables; 0 = no EPT, shadow page tables instead")
      ->check(CLI::IsMember({0, 2, 4}))
      ->type_name("0|2|4")
      ->capture_default_str();
  command
      .add_option("--ept-pages", o.ept_pages,
                  "hvm: size of nested pages; large is 2 MiB, or 4 MiB with 2 levels")
      ->check(CLI::IsMember({"4k", "large"}))
      ->type_name("4k|large")
      ->capture_default_str();
  command
      .add_option("--tlb", o.tlb,
                  "model a TLB: entries, ways, entries for large pages, and whether they survive an exit")
      ->type_name("N,N,N,tagged|untagged");
  command.add_option("--walk-cache", o.walk_cache, "whether page walks have a cache of their own")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off")
      ->capture_default_str();
  command
      .add_option(
          "--cpu", o.cpu,
          "processor: 386, 486, pentium, p6 (with MMX), pentium3 (SSE), pentium4 (SSE2); all have an x87")
      ->type_name("MODEL")
      ->capture_default_str();
  command.add_option("--instructions", o.instructions, "budget of guest instructions, also with k, M, G")
      ->type_name("N")
      ->default_str("4G, 100G with --kernel");
  command.add_option("--seconds", o.seconds, "budget of wall-clock time; 0 = none")
      ->type_name("S")
      ->capture_default_str();
}

Action declare_compare(CLI::App& command, const Words&) {
  const auto o = std::make_shared<CompareCommand>();
  add_guest_options(command, *o);
  command.add_option("--modes", o->modes, "which modes, or all")
      ->type_name("LIST")
      ->default_str("native,trap,para,hvm, and kvm with --kvm-host");
  command.add_option("--jobs", o->jobs, "modes that run at the same time; 0 = one per processor")
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--console", o->console, "also what the guest printed");
  CLI::Option* json = command.add_flag("--json", o->json, "ringside/compare/v1 on standard output");
  command.add_flag("--csv", o->csv, "a line per mode")->excludes(json);
  command.add_flag(kKvmHostOption, o->kvm_host,
                   "run mode kvm in a throw-away host with a real KVM, and add it to the modes");
  return [o] { return compare_command(*o); };
}

Action declare_run(CLI::App& command, const Words& words) {
  const auto o = std::make_shared<RunCommand>();
  add_guest_options(command, *o);
  command.get_option("guest")->description("as for compare");
  command.add_option("--mode", o->mode, "native, trap, para, hvm or kvm")
      ->type_name("MODE")
      ->capture_default_str();
  command.add_flag("--console", o->console,
                   "connect this terminal to the guest's serial port; nothing else is printed");
  command
      .add_option(
          "--type", o->attend.type,
          "a line to type at the guest's serial console when it has printed its prompt; may be repeated")
      ->type_name("LINE")
      ->allow_extra_args(false);
  command
      .add_option("--keys", o->attend.keys,
                  "the same, at the keyboard and without a return, for example c<Enter> or <F1>; may be "
                  "repeated, but not "
                  "together with --type")
      ->type_name("KEYS")
      ->allow_extra_args(false);
  command
      .add_option("--until", o->attend.until,
                  "end the run well when console or screen show this (and everything has been typed)")
      ->type_name("TEXT");
  command.add_option("--prompt", o->attend.prompt, "what the guest prints when it waits")
      ->type_name("TEXT")
      ->capture_default_str();
  command.add_option("--trace", o->trace, "write the exits as a Chrome trace, for Perfetto")
      ->type_name("FILE");
  command
      .add_option("--gdb", o->gdb,
                  "wait for gdb before the first instruction: tcp::PORT on the loopback interface")
      ->type_name("tcp::PORT");
  command.add_flag("-s", o->gdb_at_default_port, "as -gdb tcp::1234");
  command.add_flag("-S", o->freeze, "with -s or -gdb, as for QEMU; the guest always waits for gdb");
  command.add_flag("--json", o->json,
                   "ringside/run/v1 on standard output (the console then goes to standard error)");
  command.add_flag(kKvmHostOption, o->kvm_host, kKvmHostHelp);
  return [o, words] {
    if (o->kvm_host) become_kvm_host(words.argc, words.argv);
    if (o->gdb_at_default_port && o->gdb.empty()) o->gdb = "tcp::1234";
    return o->gdb.empty() ? run_command(*o) : debug_command(*o);
  };
}

Action declare_walk(CLI::App& command, const Words&) {
  const auto o = std::make_shared<WalkCommand>();
  add_guest_options(command, *o);
  command.add_option("--mode", o->mode, "native, trap, para or hvm")
      ->type_name("MODE")
      ->capture_default_str();
  command.add_option("--address", o->address, "linear address in hexadecimal, or a symbol of the guest")
      ->required()
      ->type_name("A");
  command.add_option("--at", o->at, "after so many guest instructions; without it, at the guest's end")
      ->type_name("N");
  command.add_option("--access", o->access, "read, write or fetch")
      ->check(CLI::IsMember({"read", "write", "fetch"}))
      ->type_name("ACCESS")
      ->capture_default_str();
  command.add_option("--ring", o->ring, "kernel or user; without it, whoever runs then")
      ->check(CLI::IsMember({"kernel", "user"}))
      ->type_name("WHO");
  command.add_flag("--json", o->json, "ringside/walk/v1 on standard output");
  return [o] { return walk_command(*o); };
}

Action declare_sweep(CLI::App& command, const Words&) {
  const auto o = std::make_shared<SweepCommand>();
  add_guest_options(command, *o);
  command
      .add_option(
          "--vary", o->vary,
          "what to vary: bs=512..1M doubles, depth=1,8,32 lists; io= and nat= are the options. In --append "
          "{bs} stands for the value; otherwise bs=VALUE is put in front")
      ->required()
      ->type_name("NAME=VALUES");
  command.add_option("--modes", o->modes, "which modes, or all")->type_name("LIST")->capture_default_str();
  command.add_option("--jobs", o->jobs, "runs at the same time; 0 = one per processor")->type_name("N");
  CLI::Option* json = command.add_flag("--json", o->json, "ringside/sweep/v1 on standard output");
  command.add_flag("--csv", o->csv, "a line per run")->excludes(json);
  return [o] { return sweep_command(*o); };
}

Action declare_paper(CLI::App& command, const Words&) {
  const auto o = std::make_shared<PaperCommand>();
  command.add_option("name", o->name, "for example adams-agesen-2006; without it, the list")
      ->type_name("NAME");
  command.add_option("--plot", o->plot, "also as a bar chart")->type_name("FILE.svg|FILE.png");
  command.add_option("--jobs", o->jobs, "runs at the same time; 0 = one per processor")->type_name("N");
  CLI::Option* json = command.add_flag("--json", o->json, "ringside/paper/v1 on standard output");
  command.add_flag("--csv", o->csv, "a line per row")->excludes(json);
  return [o] { return paper_command(*o); };
}

/// For the commands that look something up.
struct Reference {
  std::string name;
  bool json = false;
};

Action declare_guests(CLI::App& command, const Words&) {
  const auto o = std::make_shared<Reference>();
  command.add_flag("--json", o->json, "as JSON");
  return [o] { return guests_command(o->json); };
}

Action declare_profiles(CLI::App& command, const Words&) {
  const auto o = std::make_shared<Reference>();
  command.add_option("name", o->name, "only this one")->type_name("NAME");
  command.add_flag("--json", o->json, "as JSON");
  return [o] { return profiles_command(o->name, o->json); };
}

Action declare_explain(CLI::App& command, const Words&) {
  const auto o = std::make_shared<Reference>();
  command.add_option("reason", o->name, "for example CR_ACCESS")->type_name("REASON");
  command.add_flag("--json", o->json, "as JSON");
  return [o] { return explain_command(o->name, o->json); };
}

Action declare_doctor(CLI::App& command, const Words& words) {
  const auto kvm_host = std::make_shared<bool>(false);
  command.add_flag(kKvmHostOption, *kvm_host, kKvmHostHelp);
  return [kvm_host, words] {
    if (*kvm_host) become_kvm_host(words.argc, words.argv);
    return doctor_command();
  };
}

Action declare_gui(CLI::App& command, const Words& words) {
  const auto o = std::make_shared<GuiCommand>();
  o->argv = words.argv;
  command.add_option("guest", o->guest, "as for compare; without it, the guest of last time")
      ->type_name("GUEST|FILE");
  command.add_option("--append", o->append, "command line for the guest")->type_name("TEXT");
  command.add_option("--profile", o->profile, "cost profile")->type_name("NAME");
  command.add_option("--modes", o->modes, "which modes stand side by side")
      ->type_name("LIST")
      ->capture_default_str();
  command.add_option("--sensitive", o->sensitive, "as for compare")
      ->type_name("trap|leak")
      ->capture_default_str();
  command.add_option("--screenshot", o->screenshot, "draw one picture without a window")
      ->type_name("FILE.png");
  command.add_option("--view", o->view, "compare, inspect or memory, for --screenshot")
      ->type_name("VIEW")
      ->capture_default_str();
  command.add_option("--focus", o->focus, "the mode that the large panes show, for --screenshot")
      ->type_name("MODE");
  command.add_option("--at-instruction", o->at_instruction, "take every mode there first, for --screenshot")
      ->type_name("N");
  command.add_option("--size", o->size, "for --screenshot")->type_name("WxH")->capture_default_str();
  command.add_option("--scale", o->scale, "size of everything, 1 to 3")
      ->check(CLI::Range(1.0, 3.0))
      ->type_name("S");
  command.add_option("--theme", o->theme, "dark or light")->type_name("THEME");
  command.add_flag("--labs", o->labs, "with the lab panel");
  command.add_flag("--software", o->software, "do not use OpenGL");
  return [o] { return gui_command(*o); };
}

constexpr std::array kCommands{
    Command{"compare", "run a guest in several modes and put the results side by side", declare_compare},
    Command{"run", "run a guest in one mode", declare_run},
    Command{"walk", "show one page walk of a guest, reference by reference", declare_walk},
    Command{"sweep", "run a guest with a range of figures on its command line", declare_sweep},
    Command{"paper", "run what a paper measured, and show its figures beside ours", declare_paper},
    Command{"guests", "list the built-in guests", declare_guests},
    Command{"profiles", "print the cost profiles: every price and its source", declare_profiles},
    Command{"explain", "explain an exit reason, or list them all", declare_explain},
    Command{"doctor", "what this host offers", declare_doctor},
    Command{"lab", "the labs: predict, build, measure, be graded", declare_lab},
    Command{"gui", "open the desktop app, or draw a picture of it", declare_gui},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace ringside::cli
