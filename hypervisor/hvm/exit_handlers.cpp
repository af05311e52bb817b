// The exits that need a few lines each. The larger ones have files of their own: exit_cr_access.cpp,
// exit_io.cpp, exit_ept.cpp, exit_cpuid.cpp, exit_msr.cpp. Manual: Intel SDM vol. 3 section 26.1
// (instructions that cause exits), ch. 28 (exit information).
#include <fmt/format.h>

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/text/describe_state.h"

namespace ringside {
Outcome VmxMonitor::inject_fault(const GuestFault& fault) {
  if (fault.event.vector == vector::PF) guest().cr2 = fault.cr2;
  write_fields(fault.event.has_error_code ? 2 : 1);
  return Outcome::inject(fault.event);
}

/// The guest has nothing to do; the processor is the monitor's to give to others until a device calls.
Outcome VmxMonitor::on(const exits::Hlt& e) {
  return handle(ExitReason::Hlt, [&] {
    if (!(guest().eflags & eflags::IF)) return Outcome::stop("the processor is halted with interrupts off");
    write_fields(1);
    skip_instruction(e.length);
    return Outcome::idle();
  });
}

/// Only when a lab has set the control; otherwise the processor adds the offset and does not exit.
Outcome VmxMonitor::on(const exits::Rdtsc& e) {
  return handle(ExitReason::Rdtsc, [&] {
    const u64 tsc = guest_tsc();
    guest().gpr[EAX] = static_cast<u32>(tsc);
    guest().gpr[EDX] = static_cast<u32>(tsc >> 32);
    return advance(e.length);
  });
}

/// A guest that knows its monitor may ask for its version, with the calling convention of abi/paravirtual.h:
/// that is all that an unmodified kernel can use, and what a null hypercall is measured with. The rest
/// answers -ENOSYS.
Outcome VmxMonitor::on(const exits::Vmcall& e) {
  return handle(ExitReason::Vmcall, [&] {
    host.ledger.count(CostEvent::HypercallDispatch);
    u32& eax = guest().gpr[EAX];
    if (guest().cpl() != 0)
      eax = u32{0} - RS_EPERM;
    else
      eax = eax == RS_HC_VERSION ? RS_ABI_VERSION : u32{0} - RS_ENOSYS;
    return advance(e.length);
  });
}

Outcome VmxMonitor::on(const exits::Pause& e) {
  return handle(ExitReason::Pause, [&] { return advance(e.length); });
}

/// Guest memory is coherent with the devices, so there is no cache to write back.
Outcome VmxMonitor::on(const exits::Wbinvd& e) {
  return handle(ExitReason::Wbinvd, [&] { return advance(e.length); });
}

Outcome VmxMonitor::on(const exits::Invlpg& e) {
  return handle(ExitReason::Invlpg, [&] {
    if (shadow_)
      shadow_->invlpg(e.address);
    else
      host.cpu.invalidate_page(e.address);
    return advance(e.length);
  });
}

Outcome VmxMonitor::on(const exits::MovDr& e) {
  return handle(ExitReason::MovDr, [&] {
    CpuState& s = guest();
    constexpr u32 kGeneralDetect = 1u << 13;
    if (s.dr[7] & kGeneralDetect) {
      s.dr[6] |= kGeneralDetect;
      return inject_fault({.event = {.vector = vector::DB}});
    }
    const u8 dr = e.dr == 4 || e.dr == 5 ? e.dr + 2 : e.dr;  // aliases while CR4.DE is clear
    if (e.dr != dr && (s.cr4 & cr4::DE)) return inject_fault({.event = {.vector = vector::UD}});
    if (!e.to_dr)
      s.gpr[e.gpr] = s.dr[dr];
    else if (dr == 6)
      s.dr[6] = (s.gpr[e.gpr] & 0xE00F) | 0xFFFF0FF0u;
    else if (dr == 7)
      s.dr[7] = (s.gpr[e.gpr] & ~0xD000u) | 0x400;
    else
      s.dr[dr] = s.gpr[e.gpr];
    return advance(e.length);
  });
}

/// A monitor that asked for the guest's exceptions (the exception bitmap) hands them on, as they came.
Outcome VmxMonitor::on(const exits::ExceptionOrNmi& e) {
  return handle(ExitReason::ExceptionOrNmi, [&] {
    Event event = e.event;
    if (shadow_ && event.vector == vector::PF && event.type == EventType::HardwareException)
      if (auto outcome = resolve_page_fault(e, event.error_code)) return *outcome;
    if (vmcs_.idt_vectoring) {
      // The exception came up while another event was being delivered; which two make a double fault is the
      // processor's rule (SDM table 6-5), and here the monitor's to apply.
      const u8 first = vmcs_.idt_vectoring->vector, second = e.event.vector;
      const bool first_is_fault = vmcs_.idt_vectoring->type == EventType::HardwareException;
      auto contributory = [](u8 v) { return v == vector::DE || (v >= vector::TS && v <= vector::GP); };
      vmcs_.idt_vectoring.reset();
      if (first_is_fault && first == vector::DF)
        return Outcome::stop("triple fault. The guest's last state:\n" + describe(virtual_state()));
      if (first_is_fault && ((contributory(first) && contributory(second)) ||
                             (first == vector::PF && (second == vector::PF || contributory(second)))))
        return inject_fault({.event = {.vector = vector::DF, .has_error_code = true}});
    }
    return inject_fault({.event = event, .cr2 = e.cr2});
  });
}

Outcome VmxMonitor::on(const exits::TaskSwitch& e) {
  return handle(ExitReason::TaskSwitch, [&] {
    // VMX leaves a task switch to software, always. Kernels that run here do not use them.
    return Outcome::stop(
        fmt::format("the guest switches to the hardware task {:04X}, which this monitor does not "
                    "emulate. The guest's last state:\n{}",
                    e.selector, describe(virtual_state())));
  });
}

Outcome VmxMonitor::on(const exits::EptMisconfiguration& e) {
  return handle(ExitReason::EptMisconfiguration, [&] {
    return Outcome::stop(
        fmt::format("the nested page tables are malformed at guest-physical {:X}h", e.guest_phys.value));
  });
}

Outcome VmxMonitor::on(const exits::InvalidGuestState& e) {
  return handle(ExitReason::InvalidGuestState, [&] {
    return Outcome::stop(fmt::format("VM entry failed, because the guest state is not valid: {}\n{}", e.why,
                                     describe(virtual_state())));
  });
}

}  // namespace ringside
