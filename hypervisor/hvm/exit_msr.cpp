// Model-specific registers. There are no MSR bitmaps, so that every RDMSR and WRMSR exits; those of the
// guest's own processor are carried out on its state, the time-stamp counter through its offset, and
// those that no processor has by the paravirtual clock, if the guest was told of one. Manual:
// Intel SDM vol. 3 section 26.1.3, vol. 4.
#include "cpu/msr.h"

#include "cpu/notes.h"
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {
namespace {

constexpr GuestFault kNoSuchRegister{.event = {.vector = vector::GP, .has_error_code = true}};

}  // namespace

Outcome VmxMonitor::on(const exits::Rdmsr& e) {
  return handle(ExitReason::Rdmsr, [&] {
    auto& r = guest().gpr;
    u64 value = guest_tsc();
    if (const auto paravirtual = host.pv_clock ? host.pv_clock->read_msr(r[ECX]) : std::nullopt) {
      value = *paravirtual;
    } else if (r[ECX] != msr::kTsc && !read_msr(host.cpu.config().model, guest(), r[ECX], value)) {
      notes(host.cpu).missing_msr(r[ECX], false);
      return inject_fault(kNoSuchRegister);
    }
    r[EAX] = static_cast<u32>(value);
    r[EDX] = static_cast<u32>(value >> 32);
    return advance(e.length);
  });
}

Outcome VmxMonitor::on(const exits::Wrmsr& e) {
  return handle(ExitReason::Wrmsr, [&] {
    const auto& r = guest().gpr;
    const u64 value = u64{r[EDX]} << 32 | r[EAX];
    if (r[ECX] == msr::kTsc) {
      vmcs_.tsc_offset += value - guest_tsc();
      write_fields(1);
      if (host.pv_clock) host.pv_clock->counter_changed(value);
    } else if (host.pv_clock && host.pv_clock->write_msr(r[ECX], value, guest_tsc())) {
      // its page has been written
    } else if (!write_msr(host.cpu.config().model, guest(), r[ECX], value)) {
      notes(host.cpu).missing_msr(r[ECX], true);
      return inject_fault(kNoSuchRegister);
    } else if (r[ECX] == msr::kApicBase) {
      host.machine.set_apic_base(value);
    }
    return advance(e.length);
  });
}

}  // namespace ringside
