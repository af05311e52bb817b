#include "hypervisor/bare_metal.h"

#include <cassert>

#include "hypervisor/boot/boot_machine.h"

namespace ringside {

void BareMetal::boot(const Image& image, const std::string& command_line) {
  for (u64 page = RS_VGA_WINDOW; page < 0xC0000 && page < host.machine.ram().size(); page += kPageSize)
    if (host.machine.is_mmio(GuestPhys(page)))
      host.memory.set_kind(MachinePhys(page), kPageSize, PageKind::Mmio);
  host.machine.on_a20([this](bool on) { host.cpu.set_a20(on); });
  host.cpu.state() = boot_machine(image, host, command_line);
}

void BareMetal::before_entry() { host.cpu.set_interrupt_line(host.machine.interrupt_pending()); }

Exit BareMetal::enter(u64 budget) { return widen(host.cpu.run(budget)); }

void BareMetal::apply(const Outcome& outcome) {
  // No hook of this class emulates anything, so there is nothing to advance over or inject.
  assert(outcome.kind == Outcome::Kind::Retry || outcome.kind == Outcome::Kind::Idle);
  (void)outcome;
}

Outcome BareMetal::on(const exits::Halted&) {
  if (!(host.cpu.state().eflags & eflags::IF))
    return Outcome::stop("the processor is halted with interrupts off");
  return Outcome::idle();
}

Outcome BareMetal::on(const exits::TripleFault&) {
  return Outcome::stop(
      "triple fault: an exception could not be delivered, nor the double fault that it caused");
}

}  // namespace ringside
