// Control registers: the guest's attempts to change a bit that is the monitor's, and, if a lab asks for them,
// its loads and stores of CR3. Manual: Intel SDM vol. 3 sections 2.5 (control registers), 25.6.6 (masks and
// shadows), table 28-3 (qualification).
#include "cpu/cpuid.h"
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {
namespace {

constexpr u32 kDefinedCr0 =
    cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::NE | cr0::WP | cr0::AM | cr0::NW | cr0::CD | cr0::PG;
constexpr u32 kLmswBits = cr0::PE | cr0::MP | cr0::EM | cr0::TS;

GuestFault general_protection() {
  return {.event = {.vector = vector::GP, .has_error_code = true, .error_code = 0}};
}

}  // namespace

Outcome VmxMonitor::on(const exits::CrAccess& e) {
  return handle(ExitReason::CrAccess, [&] {
    const CpuState seen = virtual_state();
    using Kind = exits::CrAccess::Kind;
    switch (e.kind) {
      case Kind::Clts: return write_cr0(seen.cr0 & ~cr0::TS, e.length);
      case Kind::Lmsw: {
        // LMSW can set PE and not clear it.
        const u32 keep = ~kLmswBits | (seen.cr0 & cr0::PE);
        return write_cr0((seen.cr0 & keep) | (e.value & kLmswBits), e.length);
      }
      case Kind::MovFrom:
        guest().gpr[e.gpr] = e.cr == 0 ? seen.cr0 : e.cr == 3 ? seen.cr3 : seen.cr4;
        return advance(e.length);
      case Kind::MovTo: break;
    }
    if (e.cr == 0) return write_cr0(e.value, e.length);
    return e.cr == 3 ? write_cr3(e.value, e.length) : write_cr4(e.value, e.length);
  });
}

Outcome VmxMonitor::write_cr0(u32 value, u8 length) {
  const bool paging_without_protection = (value & cr0::PG) && !(value & cr0::PE);
  const bool write_through_without_caching_off = (value & cr0::NW) && !(value & cr0::CD);
  if (paging_without_protection || write_through_without_caching_off)
    return inject_fault(general_protection());
  value = (value & kDefinedCr0) | cr0::ET;
  if (shadow_ && !(value & cr0::PE))
    return Outcome::stop("the guest returns to real mode, which takes EPT (an 'unrestricted guest')");
  vmcs_.cr0_read_shadow = value;
  guest().cr0 = real_cr0(value);
  if (shadow_) apply_shadow_mode();
  write_fields(2);
  host.cpu.flush_tlb();
  return advance(length);
}

Outcome VmxMonitor::write_cr3(u32 value, u8 length) {
  guest().cr3 = guest_cr3_ = value;
  if (shadow_) apply_shadow_mode();
  write_fields(1);
  host.cpu.flush_tlb();
  return advance(length);
}

Outcome VmxMonitor::write_cr4(u32 value, u8 length) {
  // Machine checks are the host's: the guest may believe that it has enabled them. Other bits are not on
  // offer.
  const u32 offered = kGuestOwnedCr4 & existing_cr4(host.cpu.config().model);
  if (value & ~(offered | cr4::MCE)) return inject_fault(general_protection());
  if (shadow_ && (value & cr4::PAE))
    return Outcome::stop("the guest turns on PAE, which this monitor's shadow page tables do not cover");
  vmcs_.cr4_read_shadow = value;
  guest().cr4 = value & kGuestOwnedCr4;
  if (shadow_) apply_shadow_mode();
  write_fields(2);
  host.cpu.flush_tlb();
  return advance(length);
}

}  // namespace ringside
