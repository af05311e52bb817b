#include "hypervisor/monitor.h"

#include <fmt/format.h>

#include "cpu/paging.h"

namespace ringside {

Outcome Monitor::unhandled(std::string_view exit_name) const {
  const CpuState s = virtual_state();
  return Outcome::stop(fmt::format("this monitor has no handler for the exit {} at {:04X}:{:08X}", exit_name,
                                   s.seg[CS].selector, s.eip));
}

std::optional<MachinePhys> Monitor::translate(LinearAddr address) const {
  const CpuState s = virtual_state();
  const GuestMemory& ram = host.machine.ram();
  // A table outside RAM reads as zeroes: not present.
  const auto read = [&](u64 physical) { return ram.read<u32>(GuestPhys(physical)).value_or(0); };
  const PageWalk walk =
      walk_pages(PagingMode{s.cr3, s.cr0, s.cr4, false}, address, Access::Read, false, read, [](u64, u32) {});
  if (!walk.ok || !ram.contains(GuestPhys(walk.physical))) return std::nullopt;
  return ram.to_machine(GuestPhys(walk.physical));
}

Outcome Monitor::on(const exits::Halted&) { return unhandled("halted"); }
Outcome Monitor::on(const exits::TripleFault&) { return unhandled("triple fault"); }
Outcome Monitor::on(const exits::MonitorEntry& e) {
  return unhandled(fmt::format("monitor entry by vector {}", e.event.vector));
}
Outcome Monitor::on(const exits::ExceptionOrNmi& e) {
  return unhandled(fmt::format("exception {}", e.event.vector));
}
Outcome Monitor::on(const exits::ExternalInterrupt&) { return unhandled("external interrupt"); }
Outcome Monitor::on(const exits::InterruptWindow&) { return unhandled("interrupt window"); }
Outcome Monitor::on(const exits::Cpuid&) { return unhandled("CPUID"); }
Outcome Monitor::on(const exits::Hlt&) { return unhandled("HLT"); }
Outcome Monitor::on(const exits::Invlpg&) { return unhandled("INVLPG"); }
Outcome Monitor::on(const exits::Rdtsc&) { return unhandled("RDTSC"); }
Outcome Monitor::on(const exits::Vmcall&) { return unhandled("VMCALL"); }
Outcome Monitor::on(const exits::Pause&) { return unhandled("PAUSE"); }
Outcome Monitor::on(const exits::Wbinvd&) { return unhandled("WBINVD"); }
Outcome Monitor::on(const exits::Rdmsr&) { return unhandled("RDMSR"); }
Outcome Monitor::on(const exits::Wrmsr&) { return unhandled("WRMSR"); }
Outcome Monitor::on(const exits::CrAccess& e) { return unhandled(fmt::format("CR{} access", e.cr)); }
Outcome Monitor::on(const exits::MovDr&) { return unhandled("MOV DR"); }
Outcome Monitor::on(const exits::DescriptorTableAccess&) { return unhandled("descriptor-table access"); }
Outcome Monitor::on(const exits::IoInstruction& e) {
  return unhandled(fmt::format("I/O to port {:X}h", e.port));
}
Outcome Monitor::on(const exits::EptViolation& e) {
  return unhandled(fmt::format("EPT violation at guest-physical {:X}h", e.guest_phys.value));
}
Outcome Monitor::on(const exits::EptMisconfiguration&) { return unhandled("EPT misconfiguration"); }
Outcome Monitor::on(const exits::TaskSwitch&) { return unhandled("task switch"); }
Outcome Monitor::on(const exits::InvalidGuestState& e) {
  return unhandled(fmt::format("invalid guest state ({})", e.why));
}
Outcome Monitor::on(const exits::PortAccess& e) {
  return unhandled(fmt::format("access to port {:X}h", e.port));
}
Outcome Monitor::on(const exits::MmioAccess& e) {
  return unhandled(fmt::format("memory-mapped access to {:X}h", e.address.value));
}
Outcome Monitor::on(const exits::KvmInternalError& e) {
  return unhandled(fmt::format("KVM internal error: {}", e.what));
}
Outcome Monitor::on(const exits::KvmFailEntry& e) {
  return unhandled(fmt::format("KVM failed entry, hardware reason {:X}h", e.hardware_reason));
}

Outcome Monitor::on(const exits::Unmodelled& e) {
  const CpuState s = virtual_state();
  std::string bytes;
  for (unsigned i = 0; i < e.length; ++i) bytes += fmt::format("{}{:02x}", i ? " " : "", e.bytes[i]);
  return Outcome::stop(fmt::format("the instruction at {:04X}:{:08X} is not modelled: {} ({})",
                                   s.seg[CS].selector, s.eip, e.what, bytes));
}

Outcome dispatch(Monitor& monitor, const Exit& exit) {
  return std::visit([&](const auto& e) { return monitor.on(e); }, exit);
}

}  // namespace ringside
