// Hardware-assisted virtualization, the half that every hypervisor's user space has: devices, the idle guest,
// interrupt injection, the guest's end. It works on any Vcpu: the simulated VT-x below vmx_monitor.h, or the
// host's /dev/kvm, whose other half is in the host's kernel.
//
// Reading order: hvm_monitor.cpp, event_injection.cpp; then vmx_monitor.h for the kernel half.
// Manual: Intel SDM vol. 3 ch. 24-28.
#pragma once

#include "hypervisor/monitor.h"
#include "hypervisor/vcpu.h"

namespace ringside {

class HvmMonitor : public Monitor {
 public:
  HvmMonitor(Host& host, std::unique_ptr<Vcpu> vcpu);

  void boot(const Image& image, const std::string& command_line) override;
  void before_entry() override;
  Exit enter(u64 budget) override { return vcpu_->run(budget); }
  void apply(const Outcome& outcome) override;
  void interrupt_guest() override;
  CpuState virtual_state() const override { return vcpu_->state(); }

  using Monitor::on;
  Outcome on(const exits::PortAccess&) override;
  Outcome on(const exits::MmioAccess&) override;
  Outcome on(const exits::Halted&) override;
  Outcome on(const exits::ExternalInterrupt&) override;
  Outcome on(const exits::InterruptWindow&) override;
  Outcome on(const exits::TripleFault&) override;

  Vcpu& vcpu() { return *vcpu_; }

 protected:
  CpuState& guest() { return vcpu_->state(); }
  /// For a monitor that sets up its own processor after construction.
  void take(std::unique_ptr<Vcpu> vcpu) { vcpu_ = std::move(vcpu); }

  /// Runs `body` as the handling of one exit for `reason`: opens and closes the ledger's account of it.
  template <class Body>
  Outcome handle(ExitReason reason, Body&& body, SourceLine where = SourceLine::current()) {
    host.ledger.begin_exit(reason, where);
    host.ledger.count(CostEvent::VmExitEntry);
    host.ledger.count(CostEvent::Vmread, kVmreadsPerExit);
    Outcome outcome = body();
    host.ledger.end_exit();
    vcpu_->exit_handled();
    return outcome;
  }

  // -- the devices, accounted: each access leaves the kernel half for the device models and comes back
  u32 port_in(u16 port, unsigned size);
  void port_out(u16 port, u32 value, unsigned size);
  u32 mmio_read(GuestPhys address, unsigned size);
  void mmio_write(GuestPhys address, u32 value, unsigned size);

  /// The instruction has been carried out: moves EIP over it and ends what lasts for one instruction.
  void skip_instruction(unsigned length);
  /// Injects the interrupt that the interrupt controller offers, or asks for the moment when that is
  /// possible.
  virtual void deliver_interrupt();

  /// Whether a physical interrupt was signalled, and whether the window for a virtual one is asked for.
  struct Pending {
    bool interrupt = false, window = false;
  };
  Pending pending() const { return {interrupt_signalled_, window_requested_}; }
  void set_pending(Pending p) {
    interrupt_signalled_ = p.interrupt;
    window_requested_ = p.window;
  }

 private:
  /// One access to a device; `access` makes it. A request that it takes from a ring is accounted, too.
  template <class Access>
  auto account_device(Access&& access);

  std::unique_ptr<Vcpu> vcpu_;
  bool interrupt_signalled_ = false;  ///< interrupt_guest() was called and the exit has not come yet
  bool window_requested_ = false;
};

}  // namespace ringside
