// Interrupts and exceptions on their way into the guest.
//
// A device's interrupt reaches a guest in three steps. The physical interrupt takes the processor away from
// the guest (ExternalInterrupt), whatever the guest's IF says. The monitor asks its interrupt controller for
// the vector and injects it at the next entry if the guest can take it; otherwise it asks for an exit at the
// moment when the guest can (InterruptWindow). Manual: Intel SDM vol. 3 sections 27.5 (event injection), 26.2
// (interrupt-window exits), 28.2.4 (IDT vectoring).
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {

void HvmMonitor::interrupt_guest() {
  interrupt_signalled_ = true;
  vcpu_->interrupt();
}

void HvmMonitor::before_entry() {
  // The guest is still running, so to speak: the exit that the physical interrupt causes comes first.
  if (!interrupt_signalled_) deliver_interrupt();
}

void HvmMonitor::deliver_interrupt() {
  if (host.machine.interrupt_pending() && vcpu_->interruptible()) {
    host.ledger.count(CostEvent::Vmwrite);
    vcpu_->inject({.vector = host.machine.acknowledge_interrupt(), .type = EventType::ExternalInterrupt});
  }
  const bool want_window = host.machine.interrupt_pending();
  if (want_window == window_requested_) return;
  host.ledger.count(CostEvent::Vmwrite);
  vcpu_->request_interrupt_window(want_window);
  window_requested_ = want_window;
}

Outcome HvmMonitor::on(const exits::ExternalInterrupt&) {
  interrupt_signalled_ = false;
  return handle(ExitReason::ExternalInterrupt, [&] {
    deliver_interrupt();
    return Outcome::retry();
  });
}

Outcome HvmMonitor::on(const exits::InterruptWindow&) {
  return handle(ExitReason::InterruptWindow, [&] {
    deliver_interrupt();
    return Outcome::retry();
  });
}

void VmxMonitor::interrupt_guest() {
  if (io_mmu_)
    host.cpu.set_interrupt_line(true);
  else
    HvmMonitor::interrupt_guest();
}

void VmxMonitor::before_entry() {
  // An exit interrupted the delivery of an event, which the processor has forgotten: it must be delivered
  // again, before anything newer.
  if (vmcs_.idt_vectoring) {
    host.ledger.count(CostEvent::Vmwrite);
    if (!vmcs_.entry_event) vmcs_.entry_event = vmcs_.idt_vectoring;
    vmcs_.idt_vectoring.reset();
  }
  if (io_mmu_)
    host.cpu.set_interrupt_line(host.machine.interrupt_pending());  // posted: the processor does the rest
  else
    HvmMonitor::before_entry();
}

}  // namespace ringside
