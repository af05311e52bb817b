// One guest under one technique, from power-on to its end: the run loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>

#include "hypervisor/host.h"
#include "hypervisor/monitor.h"
#include "hypervisor/trap/shadow_policy.h"

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
  ShadowPolicy shadow = kShadowCached;                            ///< of trap
  u8 ept_levels = 4;             ///< of the nested page tables of hvm: 4, or 2 as under a 32-bit host
  bool ept_large_pages = false;  ///< nested pages of 2 MiB (4 levels) or 4 MiB (2 levels) where RAM permits
  /// The guest drives the ring devices itself, in hvm behind an I/O-MMU and with posted interrupts. On bare
  /// metal it always does; trap, para and kvm have no way to.
  bool passthrough = false;
  bool kernel_irqchip = false;  ///< kvm: interrupt controller and timer inside the host kernel
  std::string command_line;
  /// Makes the monitor instead of make_monitor(), for the mode's processor and memory: a lab's monitor.
  std::function<std::unique_ptr<Monitor>(Host&)> custom_monitor;
};

/// One handled exit, as an observer sees it.
struct ExitRecord {
  u64 index = 0;        ///< 0 for the first exit of the run
  u64 instruction = 0;  ///< guest instructions before it
  u64 cycle = 0;        ///< simulated time when it began
  u32 cycles = 0;       ///< what it cost under the active profile
  u32 eip = 0;          ///< of the guest instruction that caused it
  u8 cpl = 0;           ///< the guest's own view of its privilege
  ExitReason reason{};
  u32 detail = 0;  ///< vector, port, control register number or address, whichever the exit has
  EventVector events{};
  SourceLine handler{};  ///< the line of the monitor's source that handled it
};

/// How a run ended; the numbers are the program's exit status.
enum class Ending : u8 {
  Success = 0,  ///< the guest ended well
  Failure = 1,  ///< the guest reported failure
  Died = 3,     ///< triple fault, stuck halted, or nothing that this monitor can continue from
  Budget = 4,   ///< the budget ran out
};

struct Limits {
  /// Guest instructions, counted from power-on. An entry that retires none (a guest that only faults) counts
  /// as one, so that no guest can outlast its budget.
  u64 instructions = ~u64{0};
  double wall_seconds = 0;  ///< 0 = none
  /// Simulated time, in cycles, at which to return: of a machine that others wait for (network/pair.h).
  u64 until = ~u64{0};
  /// Called with the number of cycles before the guest idles through them; an interactive caller waits and
  /// types here. Without it a guest that waits for an interrupt in vain is declared dead after kStuckSeconds
  /// of simulated time.
  std::function<void(u64 cycles)> on_idle;
};

inline constexpr u64 kStuckSeconds = 30;

struct VmSnapshot;  ///< hypervisor/snapshot.h

class VirtualMachine {
 public:
  /// Builds the machine and boots `image`. Throws HostError (for example: this image has no paravirtual
  /// build).
  VirtualMachine(const Image& image, const VmConfig& config);
  ~VirtualMachine();

  /// Continues until the guest ends or a limit is reached; after Ending::Budget it can be called again.
  Ending run(const Limits& limits);
  /// Runs until `instructions` more have retired (an entry that retires none counts as one), until a
  /// breakpoint, or, with `to_next_exit`, until the next exit has been handled. False once the guest has
  /// ended. For debuggers.
  bool step(u64 instructions, bool to_next_exit);
  /// The breakpoint or watchpoint of Cpu that ended the last run() or step(), if one did.
  const std::optional<exits::DebugStop>& debug_stop() const { return debug_stop_; }

  /// Called after every handled exit, on the thread that runs the guest. Costs nothing while empty.
  void observe_exits(std::function<void(const ExitRecord&)> observer) { observer_ = std::move(observer); }

  bool ended() const { return ended_; }
  /// When the guest next does something by itself, in cycles: now, unless it is halted and waits for a
  /// device. Machine::kNever: no device of its own will wake it.
  u64 next_action() const;
  Ending ending() const { return ending_; }
  u8 guest_status() const { return guest_status_; }  ///< what the guest gave as its exit code
  const std::string& why() const { return why_; }    ///< one or more sentences if it did not end by itself
  u64 instructions() const;  ///< guest instructions: retired by the processor or emulated by the monitor
  u64 spent() const { return instructions() + fruitless_; }  ///< what counts against Limits::instructions
  /// Makes run() return Ending::Budget soon. Safe from any thread.
  void request_stop();

  /// This machine put aside, to be put back into itself; nullptr where part of it lies outside:
  /// in the host's hardware (kvm), or on a network. What has not changed since `previous` (may be nullptr) is
  /// shared with it. The contents of disks are kept by their owner (versioned_disk.h). Only between calls of
  /// run() and step().
  std::shared_ptr<const VmSnapshot> save(const VmSnapshot* previous) const;
  /// The run then continues as it continued from there, to the last count.
  void restore(const VmSnapshot& snapshot);

  Mode mode() const { return config_.mode; }
  Host& host() { return *host_; }
  Monitor& monitor() { return *monitor_; }
  const Image& image() const { return image_; }

 private:
  enum class Entry : u8 {
    Slice,
    Exit,
    Debug
  };  ///< the slice ran out, an exit was handled, a breakpoint was hit
  Entry run_one(u64 budget, const Limits& limits);
  bool wait_for_event(const Limits& limits);
  u64 next_deadline() const;
  void let_devices_act();
  void begin_slice();
  void end(Ending, std::string why);
  void report_exit(const ExitRecord& before, const Exit& exit);
  VmConfig config_;
  Image image_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Monitor> monitor_;
  std::atomic<bool> stop_requested_{false};
  std::function<void(const ExitRecord&)> observer_;
  std::optional<exits::DebugStop> debug_stop_;
  // A slice is what the guest may run until a device wants to act. It is fixed when it begins; a budget or a
  // breakpoint that interrupts it does not change where it ends, so that a run comes out the same however it
  // is cut up.
  u64 slice_left_ = 0;
  u64 horizon_ = ~u64{0};             ///< Limits::until of the current run()
  std::optional<u64> waiting_since_;  ///< halted, and run() came to its horizon first
  bool waiting_at_start_ = false;     ///< an interrupt was pending already when the slice began
  u64 emulated_ = 0, fruitless_ = 0;
  bool ended_ = false;
  Ending ending_ = Ending::Budget;
  u8 guest_status_ = 0;
  std::string why_;
};

/// Machine memory that a monitor needs for itself.
u64 monitor_bytes(Mode mode, u64 ram_bytes);

/// The one list of monitors.
std::unique_ptr<Monitor> make_monitor(Mode mode, Host& host, const VmConfig& config);

}  // namespace ringside
