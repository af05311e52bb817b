// Hardware assistance for real: the devices, dispatch and injection of hvm/hvm_monitor.h on the host's
// /dev/kvm.
//
// Here time is the host's: the guest's timer runs on measured wall time while the guest executes, plus what
// the model charges for exits and idling. Exit counts are real; cycles of the guest's own instructions are
// not modelled.
#pragma once

#include <set>

#include "hypervisor/guest_debug.h"
#include "hypervisor/hvm/hvm_monitor.h"
#include "hypervisor/kvm/exit_times.h"
#include "hypervisor/kvm/kvm_vcpu.h"

namespace ringside {

class KvmMonitor final : public HvmMonitor {
 public:
  /// Throws HostError if this host's KVM is not there or not permitted.
  KvmMonitor(Host& host, KvmVirtualMachine::Config config);

  Exit enter(u64 budget) override;
  void before_entry() override;
  void interrupt_guest() override;
  void stop() override { kvm().stop(); }

  using HvmMonitor::on;
  Outcome on(const exits::Halted&) override;
  Outcome on(const exits::TripleFault&) override;
  Outcome on(const exits::KvmInternalError&) override;
  Outcome on(const exits::KvmFailEntry&) override;

  /// See hypervisor/guest_debug.h.
  void set_debug_points(std::vector<DebugPoint> points);

  KvmVcpu& kvm() { return static_cast<KvmVcpu&>(vcpu()); }
  KvmVirtualMachine& machine() { return *machine_; }
  const ExitTimes& exit_times() const { return times_; }
  KvmMeasurements measurements();

 private:
  /// A guest ended where a real processor would have gone on, and the probe knows why: then the run is void,
  /// and this throws HostError.
  void blame_incomplete_kvm() const;
  void forward_irq_lines();
  Exit run_with_breakpoints(u64 budget);
  bool open_to_users(LinearAddr address) const;

  std::unique_ptr<KvmVirtualMachine> machine_;
  ExitTimes times_;
  std::vector<LinearAddr> breakpoints_;
  std::set<u64> dirty_;   ///< pages that the guest has written, as far as they have been asked for
  u64 exits_before_ = 0;  ///< exits that had been handled when KVM_RUN came back last
  u16 lines_ = 0;         ///< as the in-kernel interrupt controller knows them
};

}  // namespace ringside
