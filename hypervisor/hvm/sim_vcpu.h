// The simulated VT-x processor as a virtual processor: the Cpu in VMX non-root operation under a VMCS.
#pragma once

#include "cpu/cpu.h"
#include "hypervisor/vcpu.h"

namespace ringside {

class SimVcpu final : public Vcpu {
 public:
  /// Puts `cpu`, which must outlive it, into non-root operation until the SimVcpu goes.
  explicit SimVcpu(Cpu& cpu);
  ~SimVcpu() override;

  Exit run(u64 budget) override;
  CpuState& state() override { return cpu_.state(); }
  void interrupt() override { cpu_.set_interrupt_line(true); }
  bool interruptible() override;
  void inject(const Event& event) override;
  void request_interrupt_window(bool on) override { vmcs_.interrupt_window_exiting = on; }
  void exit_handled() override;
  u64 instructions() const override { return cpu_.retired(); }
  void stop() override { cpu_.request_stop(); }

  Vmcs& vmcs() { return vmcs_; }

 private:
  Cpu& cpu_;
  Vmcs vmcs_;
};

}  // namespace ringside
