#include "ui/cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <new>

#include "cpu/host_error.h"
#include "hypervisor/suggest.h"
#include "ui/cli/arguments.h"
#include "ui/cli/commands.h"
#include "ui/cli/kvm_host.h"
#include "ui/cli/lab_commands.h"
#include "ui/cli/tables.h"

namespace ringside::cli {
namespace {

constexpr int kUsageOrHostError = 2;

constexpr const char* kFooter =
    "Exit status: 0 the guest ended well, 1 it reported failure, 2 usage or host error, 3 it died (triple "
    "fault, stuck "
    "halted),\n4 its budget ran out. QEMU's words work too: -m, -kernel, -initrd, -append, -hda, -cpu.";

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

/// What was not expected, with a suggestion from the names that the command knows.
std::string unexpected(const CLI::App& app, const std::string& argument) {
  std::vector<std::string> names;
  const CLI::App* command = &app;
  if (!app.get_subcommands().empty()) command = app.get_subcommands().front();
  if (argument.rfind('-', 0) == 0) {
    for (const CLI::Option* option : command->get_options())
      for (const std::string& long_name : option->get_lnames()) names.push_back("--" + long_name);
  } else if (command == &app) {
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  } else {
    return fmt::format("'{}' is one argument too many (see ringside {} --help)", argument,
                       command->get_name());
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  return unknown_name(command == &app && argument.rfind('-', 0) != 0 ? "command" : "option", argument, known);
}

int report_error(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "ringside: error: {}\n", printable(message));
  return kUsageOrHostError;
}

}  // namespace

int program(int argc, const char* const* argv) {
  CLI::App app(
      "Ringside: one guest kernel under every technique of x86 virtualization, every trap counted and "
      "priced.",
      "ringside");
  app.footer(kFooter);
  app.set_version_flag("--version", "ringside 0.1");
  app.require_subcommand(0, 1);

  CompareCommand compare;
  CLI::App& compare_app =
      *app.add_subcommand("compare", "run a guest in several modes and put the results side by side");
  add_guest_options(compare_app, compare);
  compare_app.add_option("--modes", compare.modes, "which modes, or all")
      ->type_name("LIST")
      ->default_str("native,trap,para,hvm, and kvm with --kvm-host");
  compare_app.add_option("--jobs", compare.jobs, "modes that run at the same time; 0 = one per processor")
      ->type_name("N")
      ->capture_default_str();
  compare_app.add_flag("--console", compare.console, "also what the guest printed");
  CLI::Option* json = compare_app.add_flag("--json", compare.json, "ringside/compare/v1 on standard output");
  compare_app.add_flag("--csv", compare.csv, "a line per mode")->excludes(json);

  RunCommand run;
  bool gdb_at_default_port = false, freeze = false;
  CLI::App& run_app = *app.add_subcommand("run", "run a guest in one mode");
  add_guest_options(run_app, run);
  run_app.get_option("guest")->description("as for compare");
  run_app.add_option("--mode", run.mode, "native, trap, para, hvm or kvm")
      ->type_name("MODE")
      ->capture_default_str();
  run_app.add_flag("--console", run.console,
                   "connect this terminal to the guest's serial port; nothing else is printed");
  run_app
      .add_option(
          "--type", run.attend.type,
          "a line to type at the guest's serial console when it has printed its prompt; may be repeated")
      ->type_name("LINE")
      ->allow_extra_args(false);
  run_app
      .add_option("--keys", run.attend.keys,
                  "the same, at the keyboard and without a return, for example c<Enter> or <F1>; may be "
                  "repeated, but not "
                  "together with --type")
      ->type_name("KEYS")
      ->allow_extra_args(false);
  run_app
      .add_option("--until", run.attend.until,
                  "end the run well when console or screen show this (and everything has been typed)")
      ->type_name("TEXT");
  run_app.add_option("--prompt", run.attend.prompt, "what the guest prints when it waits")
      ->type_name("TEXT")
      ->capture_default_str();
  run_app.add_option("--trace", run.trace, "write the exits as a Chrome trace, for Perfetto")
      ->type_name("FILE");
  run_app
      .add_option("--gdb", run.gdb,
                  "wait for gdb before the first instruction: tcp::PORT on the loopback interface")
      ->type_name("tcp::PORT");
  run_app.add_flag("-s", gdb_at_default_port, "as -gdb tcp::1234");
  run_app.add_flag("-S", freeze, "with -s or -gdb, as for QEMU; the guest always waits for gdb");
  run_app.add_flag("--json", run.json,
                   "ringside/run/v1 on standard output (the console then goes to standard error)");

  WalkCommand walk;
  CLI::App& walk_app = *app.add_subcommand("walk", "show one page walk of a guest, reference by reference");
  add_guest_options(walk_app, walk);
  walk_app.add_option("--mode", walk.mode, "native, trap, para or hvm")
      ->type_name("MODE")
      ->capture_default_str();
  walk_app.add_option("--address", walk.address, "linear address in hexadecimal, or a symbol of the guest")
      ->required()
      ->type_name("A");
  walk_app.add_option("--at", walk.at, "after so many guest instructions; without it, at the guest's end")
      ->type_name("N");
  walk_app.add_option("--access", walk.access, "read, write or fetch")
      ->check(CLI::IsMember({"read", "write", "fetch"}))
      ->type_name("ACCESS")
      ->capture_default_str();
  walk_app.add_option("--ring", walk.ring, "kernel or user; without it, whoever runs then")
      ->check(CLI::IsMember({"kernel", "user"}))
      ->type_name("WHO");
  walk_app.add_flag("--json", walk.json, "ringside/walk/v1 on standard output");

  SweepCommand sweep;
  CLI::App& sweep_app =
      *app.add_subcommand("sweep", "run a guest with a range of figures on its command line");
  add_guest_options(sweep_app, sweep);
  sweep_app
      .add_option(
          "--vary", sweep.vary,
          "what to vary: bs=512..1M doubles, depth=1,8,32 lists; io= and nat= are the options. In --append "
          "{bs} stands for the value; otherwise bs=VALUE is put in front")
      ->required()
      ->type_name("NAME=VALUES");
  sweep_app.add_option("--modes", sweep.modes, "which modes, or all")
      ->type_name("LIST")
      ->capture_default_str();
  sweep_app.add_option("--jobs", sweep.jobs, "runs at the same time; 0 = one per processor")->type_name("N");
  CLI::Option* sweep_json = sweep_app.add_flag("--json", sweep.json, "ringside/sweep/v1 on standard output");
  sweep_app.add_flag("--csv", sweep.csv, "a line per run")->excludes(sweep_json);

  PaperCommand paper;
  CLI::App& paper_app =
      *app.add_subcommand("paper", "run what a paper measured, and show its figures beside ours");
  paper_app.add_option("name", paper.name, "for example adams-agesen-2006; without it, the list")
      ->type_name("NAME");
  paper_app.add_option("--plot", paper.plot, "also as a bar chart")->type_name("FILE.svg|FILE.png");
  paper_app.add_option("--jobs", paper.jobs, "runs at the same time; 0 = one per processor")->type_name("N");
  CLI::Option* paper_json = paper_app.add_flag("--json", paper.json, "ringside/paper/v1 on standard output");
  paper_app.add_flag("--csv", paper.csv, "a line per row")->excludes(paper_json);

  bool reference_json = false;
  std::string profile, reason;
  CLI::App& guests_app = *app.add_subcommand("guests", "list the built-in guests");
  CLI::App& profiles_app =
      *app.add_subcommand("profiles", "print the cost profiles: every price and its source");
  profiles_app.add_option("name", profile, "only this one")->type_name("NAME");
  CLI::App& explain_app = *app.add_subcommand("explain", "explain an exit reason, or list them all");
  explain_app.add_option("reason", reason, "for example CR_ACCESS")->type_name("REASON");
  for (CLI::App* command : {&guests_app, &profiles_app, &explain_app})
    command->add_flag("--json", reference_json, "as JSON");
  CLI::App& doctor_app = *app.add_subcommand("doctor", "what this host offers");
  bool doctor_in_kvm_host = false;
  run_app.add_flag(kKvmHostOption, run.kvm_host, kKvmHostHelp);
  doctor_app.add_flag(kKvmHostOption, doctor_in_kvm_host, kKvmHostHelp);
  compare_app.add_flag(kKvmHostOption, compare.kvm_host,
                       "run mode kvm in a throw-away host with a real KVM, and add it to the modes");

  LabOptions lab;
  const std::function<int()> run_lab = add_lab_commands(app, lab);

  GuiCommand gui;
  gui.argv = argv;
  CLI::App& gui_app = *app.add_subcommand("gui", "open the desktop app, or draw a picture of it");
  gui_app.add_option("guest", gui.guest, "as for compare; without it, the guest of last time")
      ->type_name("GUEST|FILE");
  gui_app.add_option("--append", gui.append, "command line for the guest")->type_name("TEXT");
  gui_app.add_option("--profile", gui.profile, "cost profile")->type_name("NAME");
  gui_app.add_option("--modes", gui.modes, "which modes stand side by side")
      ->type_name("LIST")
      ->capture_default_str();
  gui_app.add_option("--sensitive", gui.sensitive, "as for compare")
      ->type_name("trap|leak")
      ->capture_default_str();
  gui_app.add_option("--screenshot", gui.screenshot, "draw one picture without a window")
      ->type_name("FILE.png");
  gui_app.add_option("--view", gui.view, "compare, inspect or memory, for --screenshot")
      ->type_name("VIEW")
      ->capture_default_str();
  gui_app.add_option("--focus", gui.focus, "the mode that the large panes show, for --screenshot")
      ->type_name("MODE");
  gui_app.add_option("--at-instruction", gui.at_instruction, "take every mode there first, for --screenshot")
      ->type_name("N");
  gui_app.add_option("--size", gui.size, "for --screenshot")->type_name("WxH")->capture_default_str();
  gui_app.add_option("--scale", gui.scale, "size of everything, 1 to 3")
      ->check(CLI::Range(1.0, 3.0))
      ->type_name("S");
  gui_app.add_option("--theme", gui.theme, "dark or light")->type_name("THEME");
  gui_app.add_flag("--labs", gui.labs, "with the lab panel");
  gui_app.add_flag("--software", gui.software, "do not use OpenGL");

  try {
    std::vector<std::string> arguments = long_options(argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
    if (run.kvm_host || doctor_in_kvm_host) become_kvm_host(argc, argv);
    if (compare_app.parsed()) return compare_command(compare);
    if (gdb_at_default_port && run.gdb.empty()) run.gdb = "tcp::1234";
    if (run_app.parsed()) return run.gdb.empty() ? run_command(run) : debug_command(run);
    if (walk_app.parsed()) return walk_command(walk);
    if (sweep_app.parsed()) return sweep_command(sweep);
    if (paper_app.parsed()) return paper_command(paper);
    if (guests_app.parsed()) return guests_command(reference_json);
    if (profiles_app.parsed()) return profiles_command(profile, reference_json);
    if (explain_app.parsed()) return explain_command(reason, reference_json);
    if (doctor_app.parsed()) return doctor_command();
    if (gui_app.parsed()) return gui_command(gui);
    if (app.got_subcommand("lab")) return run_lab();
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ExtrasError&) {
    return report_error(
        unexpected(app, app.remaining(true).empty() ? std::string() : app.remaining(true).front()));
  } catch (const CLI::ParseError& error) {
    return report_error(error.what());
  } catch (const HostError& error) {
    return report_error(error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return report_error(error.what());
  } catch (const std::bad_alloc&) {
    return report_error("this host has no memory left for that");
  }
}

}  // namespace ringside::cli
