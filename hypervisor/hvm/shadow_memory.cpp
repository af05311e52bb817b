// Without EPT: the guest's page tables are shadowed, and what concerns them exits.
//
// The processor walks the monitor's shadow, so every page fault comes here first: it is hidden (the shadow
// lacks what the guest's tables have) or true (handed on, the guest's own). MOV to CR3 and INVLPG exit,
// because only they tell when the guest's tables mean something new. CR0.PG and WP are the monitor's.
// Manual: Intel SDM vol. 3 sections 26.1.3, 25.6.3 (exception bitmap); chapter 32.3 of older editions.
// Literature: Adams & Agesen 2006, section 4.
#include "hypervisor/hvm/monitored_operands.h"

namespace ringside {
namespace {

constexpr u32 kPagingCr0 = cr0::PG | cr0::WP | cr0::PE;
constexpr u32 kPagingCr4 = cr4::PSE | cr4::PAE | cr4::PGE;

}  // namespace

void VmxMonitor::set_up_shadow() {
  vmcs_.cr3_load_exiting = vmcs_.cr3_store_exiting = vmcs_.invlpg_exiting = true;
  vmcs_.exception_bitmap = 1u << vector::PF;
  vmcs_.cr0_guest_host_mask |= kPagingCr0;
  vmcs_.cr4_guest_host_mask |= kPagingCr4;
  shadow_.emplace(
      host.machine.ram(), host.frames, host.ledger, config_.shadow, 0,
      [this](std::optional<LinearAddr> address) {
        if (address)
          host.cpu.invalidate_page(*address);
        else
          host.cpu.flush_tlb();
      },
      [this](GuestPhys address) { return host.machine.is_mmio(address); });
  host.machine.dma().written = [this](GuestPhys begin, u64 bytes) { guest_memory_written(begin, bytes); };
}

void VmxMonitor::apply_shadow_mode() {
  CpuState& real = guest();
  const PagingMode mode{
      .cr3 = guest_cr3_, .cr0 = vmcs_.cr0_read_shadow, .cr4 = vmcs_.cr4_read_shadow & kGuestOwnedCr4};
  real.cr0 |= kPagingCr0;
  real.cr4 &= ~kPagingCr4;
  real.cr3 = static_cast<u32>(shadow_->set_mode(mode).value);
}

void VmxMonitor::guest_memory_written(GuestPhys address, u64 bytes) {
  const GuestMemory& ram = host.machine.ram();
  if (!bytes || !ram.contains(address, bytes)) return;
  host.cpu.memory_written(ram.to_machine(address), bytes);
  if (shadow_) shadow_->memory_written(address, bytes);
}

std::optional<Outcome> VmxMonitor::resolve_page_fault(const exits::ExceptionOrNmi& e, u32& error_code) {
  const Access access = error_code & page_fault::W ? Access::Write : Access::Read;
  const auto r = shadow_->resolve(LinearAddr(e.cr2), access, error_code & page_fault::U);
  using Kind = ShadowPaging::Resolution::Kind;
  switch (r.kind) {
    case Kind::Filled: host.ledger.refine_exit(ExitReason::ShadowPageFault); return Outcome::retry();
    case Kind::Unsynced: host.ledger.refine_exit(ExitReason::ShadowPageTableWrite); return Outcome::retry();
    case Kind::GuestFault:
      host.ledger.refine_exit(ExitReason::TruePageFault);
      error_code = r.walk.error_code;
      return std::nullopt;
    case Kind::TracedWrite:
      host.ledger.refine_exit(ExitReason::ShadowPageTableWrite);
      if (!vmcs_.idt_vectoring) return emulate_traced_write(r.physical);
      shadow_->unshadow(r.physical);  // a stack on a page table: the processor delivers the event again
      return Outcome::retry();
    case Kind::Device: host.ledger.refine_exit(ExitReason::Mmio); return emulate_mmio();
  }
  return std::nullopt;
}

Outcome VmxMonitor::emulate_traced_write(GuestPhys page) {
  host.ledger.count(CostEvent::DecodeAndEmulate);
  const CpuState seen = virtual_state();
  MonitoredOperands memory(*this, seen);
  const Emulation result = emulate(guest(), memory, host.cpu.config().model);
  if (result.kind == Emulation::Kind::Done) return advance(0);
  if (result.kind == Emulation::Kind::Fault) return inject_fault(result.fault);
  // A loop over a page table, or what only the processor can execute: it is ordinary memory from now on.
  shadow_->unshadow(page);
  return Outcome::retry();
}

}  // namespace ringside
