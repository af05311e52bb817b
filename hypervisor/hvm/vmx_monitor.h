// Hardware-assisted virtualization, the kernel half: a VMX root-mode monitor for the simulated VT-x. It sets
// up the VMCS, keeps the nested page tables, and handles the exits that hardware leaves to software.
//
// Without EPT (VmxConfig) it shadows page tables, as trap-and-emulate does, and the guest's page faults and
// control-register accesses exit: what VT-x cost before 2008.
//
// Modelled: an "unrestricted guest" that owns rings 0-3, real mode included; its page tables, faults, system
// calls and interrupt flag are its own business and cause no exit. Simplified: no MSR bitmaps (every RDMSR
// and WRMSR exits), one virtual processor, no nesting.
//
// Reading order: vmcs_setup.cpp, exit_handlers.cpp, exit_cr_access.cpp, exit_io.cpp, exit_ept.cpp,
// shadow_memory.cpp, event_injection.cpp, passthrough.cpp. Manual: Intel SDM vol. 3 ch. 24-29.
#pragma once

#include "hypervisor/emulate/emulate.h"
#include "hypervisor/hvm/ept_tables.h"
#include "hypervisor/hvm/hvm_monitor.h"
#include "hypervisor/hvm/io_mmu.h"
#include "hypervisor/trap/shadow_paging.h"

namespace ringside {

/// CR0 bits that the guest sees only through the read shadow, and CR4 bits that are its own.
inline constexpr u32 kHostOwnedCr0 = cr0::CD | cr0::NW | cr0::NE;
inline constexpr u32 kGuestOwnedCr4 = cr4::TSD | cr4::DE | cr4::PSE | cr4::PAE | cr4::PGE | cr4::PCE |
                                      cr4::OSFXSR | cr4::OSXMMEXCPT | cr4::UMIP;

/// The CR0 that the processor runs with when the guest believes in `value`: VMX wants NE, and the guest's
/// wish to switch the caches off stays a wish.
constexpr u32 real_cr0(u32 value) { return (value & ~kHostOwnedCr0) | cr0::NE; }

struct VmxConfig {
  u8 ept_levels = 4;  ///< 4 or 2; 0: no EPT, as the first processors with VT-x: shadow page tables
  ShadowPolicy shadow = kShadowCached;  ///< without EPT
  bool large_pages = false;             ///< map as much RAM by one entry as possible
  bool vpid = true;                     ///< TLB entries are tagged: an exit does not flush them
  /// The guest drives the ring devices itself: their registers are mapped, an I/O-MMU checks their accesses
  /// to memory, and interrupts are posted: the processor delivers them without an exit. Takes EPT.
  bool passthrough = false;
};

class VmxMonitor : public HvmMonitor {
 public:
  explicit VmxMonitor(Host& host, VmxConfig config = {});

  void boot(const Image& image, const std::string& command_line) override;
  void before_entry() override;
  void interrupt_guest() override;
  CpuState virtual_state() const override;
  std::unique_ptr<const MonitorState> save() const override;
  void restore(const MonitorState& state) override;

  using HvmMonitor::on;
  Outcome on(const exits::Hlt&) override;
  Outcome on(const exits::Cpuid&) override;
  Outcome on(const exits::Rdtsc&) override;
  Outcome on(const exits::Vmcall&) override;
  Outcome on(const exits::Pause&) override;
  Outcome on(const exits::Wbinvd&) override;
  Outcome on(const exits::Invlpg&) override;
  Outcome on(const exits::Rdmsr&) override;
  Outcome on(const exits::Wrmsr&) override;
  Outcome on(const exits::CrAccess&) override;
  Outcome on(const exits::MovDr&) override;
  Outcome on(const exits::ExceptionOrNmi&) override;
  Outcome on(const exits::IoInstruction&) override;
  Outcome on(const exits::EptViolation&) override;
  Outcome on(const exits::EptMisconfiguration&) override;
  Outcome on(const exits::TaskSwitch&) override;
  Outcome on(const exits::InvalidGuestState&) override;

  Vmcs& vmcs() { return vmcs_; }  ///< a lab may change the controls before the first entry
  const EptTables& ept() const { return *ept_; }
  /// nullptr unless devices are passed through.
  IoMmu* io_mmu() { return io_mmu_ ? &*io_mmu_ : nullptr; }
  /// nullptr with EPT.
  const ShadowPaging* shadow() const { return shadow_ ? &*shadow_ : nullptr; }

 protected:
  /// The instruction of `length` bytes has been carried out (0: EIP has moved already).
  Outcome advance(u8 length) {
    write_fields(1);
    return Outcome::advance(length);
  }
  /// Carries out the instruction at EIP, which reaches a device.
  Outcome emulate_mmio();

 private:
  friend class MonitoredOperands;  ///< what an emulated instruction reaches, devices included

  VmxMonitor(Host& host, VmxConfig config, std::unique_ptr<class SimVcpu> vcpu);
  void set_up_controls();
  void set_up_passthrough();
  /// Size of the largest nested page that may map `guest`: all of it RAM.
  u32 nested_page_bytes(GuestPhys guest) const;

  /// Accounts for the VMCS fields that a handler writes; handlers that emulate an instruction write EIP. What
  /// they read is accounted by handle().
  void write_fields(unsigned n) { host.ledger.count(CostEvent::Vmwrite, n); }
  Outcome inject_fault(const GuestFault& fault);
  /// What RDTSC would answer the guest now.
  u64 guest_tsc() { return host.now() + guest().tsc_adjust + vmcs_.tsc_offset; }

  Outcome write_cr0(u32 value, u8 length);
  Outcome write_cr3(u32 value, u8 length);
  Outcome write_cr4(u32 value, u8 length);
  Outcome string_io(const exits::IoInstruction&);
  // -- without EPT (shadow_memory.cpp)
  void set_up_shadow();
  /// The guest's CR0, CR3 or CR4 changed: another shadow root becomes the real CR3.
  void apply_shadow_mode();
  void guest_memory_written(GuestPhys address, u64 bytes);
  /// What becomes of a page fault that is not the guest's own; none: it is, with this error code.
  std::optional<Outcome> resolve_page_fault(const exits::ExceptionOrNmi&, u32& error_code);
  Outcome emulate_traced_write(GuestPhys page);

  VmxConfig config_;
  Vmcs& vmcs_;
  std::optional<EptTables> ept_;
  std::optional<IoMmu> io_mmu_;
  std::optional<ShadowPaging> shadow_;
  u32 guest_cr3_ = 0;  ///< without EPT the real one holds the shadow root
};

}  // namespace ringside
