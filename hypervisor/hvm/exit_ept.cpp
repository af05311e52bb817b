// EPT violations: the guest touched a guest-physical page that the nested tables do not map (yet).
//
// It is RAM that the guest uses for the first time: the page is mapped, and the guest tries again. Or it is a
// device: the page is never mapped, so that every access comes here; the monitor fetches the guest's
// instruction, decodes it and carries it out on the device model. Manual: Intel SDM vol. 3 section 29.3.3
// (violations), table 28-7 (qualification).
#include <fmt/format.h>

#include "hypervisor/hvm/monitored_operands.h"
#include "hypervisor/machine_layout.h"
#include "hypervisor/text/describe_state.h"

namespace ringside {

Outcome VmxMonitor::on(const exits::EptViolation& e) {
  return handle(ExitReason::EptViolation, [&] {
    const GuestMemory& ram = host.machine.ram();
    const GuestPhys reached = host.machine.through_a20(e.guest_phys);
    if (!host.machine.is_mmio(reached) && ram.contains(reached)) {
      const u64 recycled = ept_->recycled();
      const u32 bytes = nested_page_bytes(e.guest_phys);
      const GuestPhys page(e.guest_phys.value & ~u64{bytes - 1});
      const MachinePhys machine = ram.to_machine(host.machine.through_a20(page));
      host.ledger.count(CostEvent::EptEntryWrite, ept_->map(page, machine, ept::kAll, bytes));
      if (ept_->recycled() != recycled) host.cpu.flush_tlb();
      return Outcome::retry();
    }
    if (io_mmu_ && host.machine.has_rings(e.guest_phys)) {
      // The device's registers lie in machine memory where the guest expects them.
      const u64 page = e.guest_phys.value & ~u64{kPageMask};
      host.ledger.count(CostEvent::EptEntryWrite, ept_->map(GuestPhys(page), MachinePhys(page)));
      return Outcome::retry();
    }
    host.ledger.refine_exit(ExitReason::Mmio);
    const char* impossible = e.during_walk ? "keeps a paging structure in"
                             : e.fetch     ? "executes instructions from"
                             : vmcs_.idt_vectoring
                                 ? "has its stack or a descriptor table, needed to deliver an event, in"
                                 : nullptr;
    if (impossible)
      return Outcome::stop(
          fmt::format("the guest {} device memory, at guest-physical {:X}h, and no monitor can "
                      "make that work. Its last state:\n{}",
                      impossible, e.guest_phys.value, describe(virtual_state())));
    return emulate_mmio();
  });
}

u32 VmxMonitor::nested_page_bytes(GuestPhys guest) const {
  const u32 large = ept_->large_page_bytes();
  const GuestMemory& ram = host.machine.ram();
  const GuestPhys first(guest.value & ~u64{large - 1});
  if (!config_.large_pages || !ram.contains(first, large) || ram.to_machine(first).value % large ||
      !host.machine.devices().a20.on())
    return kPageSize;
  for (u32 at = 0; at < large; at += kPageSize)
    if (host.machine.is_mmio(first + at)) return kPageSize;
  return large;
}

Outcome VmxMonitor::emulate_mmio() {
  host.ledger.count(CostEvent::DecodeAndEmulate);
  const CpuState seen = virtual_state();
  MonitoredOperands memory(*this, seen);
  const Emulation result = emulate(guest(), memory, host.cpu.config().model);
  switch (result.kind) {
    case Emulation::Kind::Fault: return inject_fault(result.fault);
    case Emulation::Kind::Unmodelled:
      return Outcome::stop(
          fmt::format("the guest accesses a device by an instruction that the monitor's emulator does "
                      "not know: {}. Its last state:\n{}",
                      result.what, describe(virtual_state())));
    case Emulation::Kind::Again: return Outcome::retry();
    case Emulation::Kind::Done: break;
  }
  return advance(0);
}

}  // namespace ringside
