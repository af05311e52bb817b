#include "labs/framework/exit_bridge.h"

#include <fmt/format.h>

#include "hypervisor/hvm/guest_cpuid.h"

namespace ringside::labs {
namespace {
constexpr u32 kVmx = 1u << 5;          ///< CPUID.1:ECX
constexpr unsigned kMostRepeats = 24;  ///< one instruction touches code, tables, stack and operands
}  // namespace

void ExitBridge::start() { ask(Hook::Start, nullptr, 0); }

Outcome ExitBridge::on(const exits::IoInstruction& e) {
  if (e.string) return VmxSession::on(e);
  return handle(ExitReason::IoInstruction, [&] {
    const lab::Io io{.port = e.port, .size = e.size, .in = e.in};
    return hand_over(Hook::Io, &io, sizeof io, e.length, e.in ? "IN" : "OUT");
  });
}

Outcome ExitBridge::on(const exits::Hlt& e) {
  return handle(ExitReason::Hlt, [&] { return hand_over(Hook::Hlt, nullptr, 0, e.length, "HLT"); });
}

Outcome ExitBridge::on(const exits::Cpuid& e) {
  return handle(ExitReason::Cpuid, [&] { return hand_over(Hook::Cpuid, nullptr, 0, e.length, "CPUID"); });
}

Outcome ExitBridge::on(const exits::Vmcall& e) {
  return handle(ExitReason::Vmcall, [&] {
    host.ledger.count(CostEvent::HypercallDispatch);
    return hand_over(Hook::Vmcall, nullptr, 0, e.length, "VMCALL");
  });
}

Outcome ExitBridge::on(const exits::EptViolation& e) {
  if (!root_) return VmxSession::on(e);
  return handle(ExitReason::EptViolation, [&] {
    const u32 arguments[] = {static_cast<u32>(e.guest_phys.value), e.write};
    const lab::Outcome o = ask(Hook::EptViolation, arguments, sizeof arguments);
    if (!complaint().empty()) return Outcome::stop(complaint());
    bool device = false;
    const bool memory = host.machine.ram().contains(e.guest_phys) && !host.machine.is_mmio(e.guest_phys);
    if (o.next == lab::Outcome::Emulate && memory)
      complain(fmt::format("ept_violation({:X}h) has returned emulate(), but that is RAM: map it",
                           e.guest_phys.value),
               "memory");
    else if (o.next == lab::Outcome::Emulate)
      device = true;
    else if (o.next != lab::Outcome::Retry)
      complain(fmt::format("your monitor does not handle the EPT violation at guest-physical {:X}h",
                           e.guest_phys.value));
    const bool again = e.guest_phys.value == last_address_ && guest().eip == last_eip_;
    repeats_ = again && !device ? repeats_ + 1 : 0;
    last_address_ = e.guest_phys.value;
    last_eip_ = guest().eip;
    if (repeats_ >= kMostRepeats)
      complain(
          fmt::format("ept_violation({:X}h) has returned retry() {} times, and the guest comes back "
                      "there: your tables still do not permit the access",
                      e.guest_phys.value, repeats_));
    if (!complaint().empty()) return Outcome::stop(complaint());
    if (!device) return Outcome::retry();
    host.ledger.refine_exit(ExitReason::Mmio);
    if (e.during_walk || e.fetch || vmcs().idt_vectoring)
      return Outcome::stop(
          fmt::format("the guest uses the device at guest-physical {:X}h as memory", e.guest_phys.value));
    return emulate_mmio();
  });
}

Outcome ExitBridge::on(const exits::EptMisconfiguration& e) {
  if (!root_) return VmxSession::on(e);
  return handle(ExitReason::EptMisconfiguration, [&] {
    complain(
        fmt::format("EPT misconfiguration at guest-physical {:X}h: an entry of yours has reserved bits "
                    "set, or W without R",
                    e.guest_phys.value));
    return Outcome::stop(complaint());
  });
}

bool ExitBridge::serve_guest(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  const u32 a = call.a[0];
  std::string why;
  switch (static_cast<Call>(call.code)) {
    case Call::SetEptRoot:
      if (a % kPageSize || !frames_.in_use(a))
        return complain(fmt::format("set_ept_root({:X}h): that is no frame of yours", a));
      root_ = a;
      vmcs().ept_root = MachinePhys(a);
      vmcs().ept_levels = 4;
      host.cpu.flush_tlb();
      return true;
    case Call::FlushTlb: host.cpu.flush_tlb(); return true;
    case Call::HostCpuid: {
      CpuidResult r = cpuid_leaf(host.cpu.config().model, a, call.a[1]);
      if (a == 1) r.ecx |= kVmx;  // the processor under this monitor has it, or there would be none
      const u32 values[] = {r.eax, r.ebx, r.ecx, r.edx};
      std::copy(std::begin(values), std::end(values), call.a);
      return true;
    }
    case Call::ReleaseFrame: return false;
    case Call::ReadEntry:
    case Call::WriteEntry:
      if (call.a[1] != 8) return false;
      break;
    default: break;
  }
  const auto served = frames_.serve(call, payload, why);
  if (!why.empty()) complain(std::move(why));
  return served.value_or(false);
}

}  // namespace ringside::labs
