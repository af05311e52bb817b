// The controls: what the processor handles by itself in non-root operation, and what comes to the monitor.
// Manual: Intel SDM vol. 3 sections 25.6 (execution controls), 25.7, 25.8 (exit and entry controls).
#include "cpu/host_error.h"
#include "hypervisor/hvm/sim_vcpu.h"
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {

VmxMonitor::VmxMonitor(Host& host, VmxConfig config)
    : VmxMonitor(host, config, std::make_unique<SimVcpu>(host.cpu)) {}

VmxMonitor::VmxMonitor(Host& host, VmxConfig config, std::unique_ptr<SimVcpu> vcpu)
    : HvmMonitor(host, nullptr),
      config_(config),
      vmcs_(vcpu->vmcs()),
      ept_(config.ept_levels
               ? std::optional<EptTables>(std::in_place, host.memory, host.frames, config.ept_levels)
               : std::nullopt) {
  take(std::move(vcpu));
  set_up_controls();
}

void VmxMonitor::set_up_controls() {
  // Devices belong to the monitor, and so do physical interrupts and the processor's idle time.
  vmcs_.unconditional_io_exiting = true;
  vmcs_.external_interrupt_exiting = true;
  vmcs_.hlt_exiting = true;

  // Memory: the guest's own page tables and CR3 are left to it, because a second dimension translates what
  // they say.
  vmcs_.enable_ept = ept_.has_value();
  if (ept_) {
    vmcs_.ept_root = ept_->root();
    vmcs_.ept_levels = ept_->levels();
  }
  vmcs_.enable_vpid = config_.vpid;  // if on, an exit does not flush the TLB
  vmcs_.cr3_load_exiting = vmcs_.cr3_store_exiting = vmcs_.invlpg_exiting = false;

  // Faults, too, go through the guest's own IDT.
  vmcs_.exception_bitmap = 0;

  // Of the control registers the guest owns what only concerns itself. A bit in the mask is the monitor's:
  // the guest reads the shadow instead, and its attempt to change the bit exits. In CR0 these are the caches
  // and how x87 errors are reported, in CR4 whatever this virtual processor does not offer.
  vmcs_.cr0_guest_host_mask = kHostOwnedCr0;
  vmcs_.cr4_guest_host_mask = ~kGuestOwnedCr4;

  if (!ept_) set_up_shadow();
  if (config_.passthrough) set_up_passthrough();

  // The guest reads the time-stamp counter directly, from its own power-on.
  vmcs_.rdtsc_exiting = false;
  vmcs_.tsc_offset = u64{0} - host.now();
}

void VmxMonitor::boot(const Image& image, const std::string& command_line) {
  HvmMonitor::boot(image, command_line);
  // A processor in VMX operation ignores A20M#, so the nested tables imitate it: what they say is stale when
  // the gate moves.
  host.machine.on_a20([this](bool) {
    if (!ept_) return;
    ept_->unmap_all();
    host.cpu.flush_tlb();
  });
  vmcs_.cr0_read_shadow = guest().cr0;
  vmcs_.cr4_read_shadow = guest().cr4;
  guest().cr0 = real_cr0(guest().cr0);
  guest().cr4 &= kGuestOwnedCr4;
  if (!shadow_) return;
  if (!(guest().cr0 & cr0::PE))
    throw HostError(
        "without EPT this guest cannot start: it begins in real mode, which takes EPT (an 'unrestricted "
        "guest')");
  guest_cr3_ = guest().cr3;
  apply_shadow_mode();
}

CpuState VmxMonitor::virtual_state() const {
  CpuState s = HvmMonitor::virtual_state();
  auto as_read = [](u32 real, u32 mask, u32 shadow) { return (real & ~mask) | (shadow & mask); };
  s.cr0 = as_read(s.cr0, vmcs_.cr0_guest_host_mask, vmcs_.cr0_read_shadow);
  s.cr4 = as_read(s.cr4, vmcs_.cr4_guest_host_mask, vmcs_.cr4_read_shadow);
  if (shadow_) s.cr3 = guest_cr3_;
  return s;
}

}  // namespace ringside
