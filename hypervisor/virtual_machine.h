// One guest under one technique, from power-on to its end: the run loop.
#pragma once

#include <memory>
#include <span>

#include "hypervisor/host.h"
#include "hypervisor/monitor.h"

namespace ringside {

enum class Mode : u8 { Native, Trap, Para, Hvm, Kvm };
std::string_view name(Mode);
std::span<const Mode> all_modes();
/// Throws HostError with a suggestion.
Mode parse_mode(std::string_view name);

struct VmConfig {
  Mode mode = Mode::Native;
  HostConfig host;
  SensitiveInstructions sensitive = SensitiveInstructions::Trap;  ///< what a de-privileged guest meets
  std::string command_line;
};

/// How a run ended; the numbers are the program's exit status.
enum class Ending : u8 {
  Success = 0,   ///< the guest ended well
  Failure = 1,   ///< the guest reported failure
  Died = 3,      ///< triple fault, stuck halted, or nothing that this monitor can continue from
  Budget = 4,    ///< the budget ran out
};

struct Limits {
  u64 instructions = ~u64{0};
  double wall_seconds = 0;  ///< 0 = none
};

class VirtualMachine {
 public:
  /// Builds the machine and boots `image`. Throws HostError (for example: this image has no paravirtual build).
  VirtualMachine(const Image& image, const VmConfig& config);
  ~VirtualMachine();

  /// Continues until the guest ends or `limits` (counted from power-on) are reached.
  Ending run(const Limits& limits);
  /// Runs until `instructions` more have retired, the next exit if `to_next_exit`, or the guest's end. For debuggers.
  bool step(u64 instructions, bool to_next_exit);

  bool ended() const { return ended_; }
  Ending ending() const { return ending_; }
  u8 guest_status() const { return guest_status_; }  ///< what the guest gave as its exit code
  const std::string& why() const { return why_; }    ///< one or more sentences if it did not end by itself
  u64 instructions() const;

  Mode mode() const { return config_.mode; }
  Host& host() { return *host_; }
  Monitor& monitor() { return *monitor_; }
  const Image& image() const { return image_; }

 private:
  bool run_one(u64 budget);  ///< one entry and exit; false when ended
  void end(Ending, std::string why);
  VmConfig config_;
  Image image_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Monitor> monitor_;
  bool ended_ = false;
  Ending ending_ = Ending::Budget;
  u8 guest_status_ = 0;
  std::string why_;
};

/// The one list of monitors.
std::unique_ptr<Monitor> make_monitor(Mode mode, Host& host, const VmConfig& config);

}  // namespace ringside
