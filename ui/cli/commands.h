// The commands of `ringside`, one function each. They write to standard output and return the exit status;
// what the host, a file or an option did wrong is a HostError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ui/cli/operator.h"
#include "ui/cli/runs.h"

namespace ringside::cli {

/// What `run` and `compare` share, as given.
struct GuestOptions {
  std::string guest = "kernel";
  std::string kernel;   ///< -kernel FILE: another way to name the guest
  std::string initrd;   ///< -initrd: the initial RAM disk of Linux, or Multiboot modules
  std::string symbols;  ///< names for its functions: a System.map or an ELF file
  std::string paravirtual_kernel;
  std::string disk;
  std::string memory = "32";
  std::string append;
  std::string cpu = "p6";
  std::string sensitive = "trap";
  std::string profile = "sandybridge-2012";
  std::string instructions;  ///< empty = enough for a small guest, or for Linux with -kernel
  double seconds = 300;
  bool json = false;
  std::string irqchip = "user";
  bool kvm_host = false;
  std::string io = "pio";
  std::string pv;               ///< as for parse_paravirtual()
  std::string peer, peer_mode;  ///< empty = see RunOptions
  std::string link = "10G";     ///< bits a second
  bool nat = false;
  std::string shadow = "cached";
  unsigned ept_levels = 4;
  std::string ept_pages = "4k";
  std::string tlb;  ///< "entries,ways,large,tagged|untagged"; empty = none modelled
  std::string walk_cache = "on";
};

struct RunCommand : GuestOptions {
  std::string mode = "native";
  bool console = false;
  std::string trace;  ///< Chrome trace of the exits; empty = none
  std::string gdb;    ///< "tcp::PORT"; empty = no debugger
  bool gdb_at_default_port = false;
  bool freeze = false;  ///< of no effect: with gdb the guest always waits
  OperatorOptions attend{.prompt = "# "};
};

struct CompareCommand : GuestOptions {
  std::optional<std::string> modes;  ///< not given: the simulated ones, and kvm with --kvm-host
  unsigned jobs = 0;                 ///< 0 = one per processor
  bool csv = false;
  bool console = false;
};

struct WalkCommand : GuestOptions {
  std::string mode = "hvm";
  std::string address;          ///< hexadecimal, or a symbol
  std::string at;               ///< guest instructions; empty = the guest's end
  std::string access = "read";  ///< read, write or fetch
  std::string ring;             ///< kernel or user; empty = whoever runs then
};

struct SweepCommand : GuestOptions {
  std::string modes = "native,trap,hvm";
  std::vector<std::string> vary;  ///< "bs=512..1M", "io=pio,ring"
  unsigned jobs = 0;              ///< 0 = one per processor
  bool csv = false;
};

struct PaperCommand {
  std::string name;  ///< empty = list them
  std::string plot;  ///< .svg or .png; empty = none
  unsigned jobs = 0;
  bool json = false, csv = false;
};

struct GuiCommand {
  std::string guest;  ///< empty = the one of last time
  std::string append, profile, view = "compare", size = "1600x900", theme, at_instruction, screenshot, focus;
  std::string modes = "native,trap,para,hvm", sensitive = "trap";
  float scale = 0;
  bool labs = false, software = false;
  const char* const* argv = nullptr;  ///< this program's, for the one with windows
};

// What the options of a guest mean; they throw HostError.
GuestSource source_of(const GuestOptions&);
RunOptions options_of(const GuestOptions&);

int run_command(const RunCommand&);
int debug_command(const RunCommand&);  ///< run, with gdb in charge
int compare_command(const CompareCommand&);
int walk_command(const WalkCommand&);
int sweep_command(const SweepCommand&);
int paper_command(const PaperCommand&);
int guests_command(bool json);
int profiles_command(const std::string& name, bool json);
int explain_command(const std::string& reason, bool json);
int doctor_command();
int gui_command(const GuiCommand&);

}  // namespace ringside::cli
