// Running a guest under one or several techniques, several at a time, with a progress bar.
#pragma once

#include <string>
#include <vector>

#include "hypervisor/accounting/run_report.h"
#include "ui/model/guest_source.h"

namespace ringside::model {
struct Diagnosis;  ///< ui/model/diagnosis.h
}

namespace ringside::cli {

/// What helps a guest that nobody rebuilt for a hypervisor (`--pv`).
struct Paravirtual {
  PciCards cards;
  bool clock = false;
};

struct RunOptions {
  u64 ram_bytes = 32u << 20;
  CpuModel cpu = CpuModel::P6;
  SensitiveInstructions sensitive = SensitiveInstructions::Trap;
  bool kernel_irqchip = false;
  ShadowPolicy shadow = kShadowCached;
  u8 ept_levels = 4;
  bool ept_large_pages = false;
  TlbGeometry tlb;
  bool walk_caches = true;
  std::string io = "pio";  ///< how the guest reaches its devices: pio, mmio, ring, poll, passthrough
  Paravirtual paravirtual;
  /// The guest of a second machine on the same network; nullptr: none, or the guest itself if it needs one.
  std::shared_ptr<const GuestSource> peer;
  std::optional<Mode> peer_mode;  ///< none: the first machine's
  NetworkConfig network;
  const CostProfile* profile = nullptr;
  std::string command_line;
  std::string console_input;
  Limits limits;
  std::vector<std::string> kvm_host;  ///< mode kvm: the command that prints its report; empty = on this host
};

VmConfig vm_config(Mode, const GuestSource&, const RunOptions&);

/// Looks at a machine while it runs, on the thread that runs it.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// Before the first instruction.
  virtual void started(VirtualMachine&) {}
  /// After every step of some million instructions, and once when the run is over. False ends the run.
  virtual bool step(VirtualMachine&) = 0;
  /// The guest is about to idle for so many cycles. Called only if wants_idle(), and then nobody else lets
  /// time pass.
  virtual void idle(VirtualMachine&, u64 /*cycles*/) {}
  virtual bool wants_idle() const { return false; }
  /// Whether step() is to come after every tenth of a second of the guest's time as well.
  virtual bool by_guest_time() const { return false; }
};

/// One run, on this thread. What this host or image cannot do becomes an unavailable report. `diagnosis`
/// receives what a guest that died or hung was doing.
RunReport run_mode(Mode, const GuestSource&, const RunOptions&, Watcher* watcher = nullptr,
                   model::Diagnosis* diagnosis = nullptr);

/// All of them, at most `jobs` at a time, each with its own machine, so that the order of completion changes
/// nothing. With `show_progress` a line on standard error follows them. Overhead is relative to the native
/// run, if there is one. `diagnoses` receives one for each mode, empty where the guest ended well.
std::vector<RunReport> run_modes(const std::vector<Mode>&, const GuestSource&, const RunOptions&,
                                 unsigned jobs, bool show_progress,
                                 std::vector<model::Diagnosis>* diagnoses = nullptr);

}  // namespace ringside::cli
