// Port I/O. The processor has decoded the instruction and checked the guest's privilege before it exits; what
// is left is to move the data between the device model and a register, or, for INS and OUTS, the guest's
// memory. Manual: Intel SDM vol. 3 section 26.1.3 (I/O instructions), table 28-5 (qualification), table 28-10
// (string I/O).
#include <fmt/format.h>

#include "hypervisor/hvm/monitored_operands.h"

namespace ringside {
namespace {

constexpr u32 mask_of(unsigned bytes) { return bytes >= 4 ? ~u32{0} : (1u << (8 * bytes)) - 1; }

constexpr u32 replace_low(u32 whole, u32 low, unsigned bytes) {
  return (whole & ~mask_of(bytes)) | (low & mask_of(bytes));
}

}  // namespace

Outcome VmxMonitor::on(const exits::IoInstruction& e) {
  return handle(ExitReason::IoInstruction, [&] {
    if (e.string) return string_io(e);
    u32& eax = guest().gpr[EAX];
    if (e.in)
      eax = replace_low(eax, port_in(e.port, e.size), e.size);
    else
      port_out(e.port, eax & mask_of(e.size), e.size);
    return advance(e.length);
  });
}

/// One iteration: a REP INS or OUTS exits once for each, and EIP stays at it until the count has run out.
Outcome VmxMonitor::string_io(const exits::IoInstruction& e) {
  CpuState& s = guest();
  MonitoredOperands memory(*this, s);
  if (e.in) {
    // A fault must come before the device has given the datum away.
    if (!memory.check(e.linear, e.size, Access::Write)) return inject_fault(memory.fault);
    if (!memory.write(e.linear, e.size, port_in(e.port, e.size))) return inject_fault(memory.fault);
  } else {
    u32 value = 0;
    if (!memory.read(e.linear, e.size, value)) return inject_fault(memory.fault);
    port_out(e.port, value, e.size);
  }
  const unsigned address_bytes = e.address32 ? 4 : 2;
  u32& index = s.gpr[e.in ? EDI : ESI];
  index = replace_low(index, s.eflags & eflags::DF ? index - e.size : index + e.size, address_bytes);
  if (!e.rep) return advance(e.length);
  u32& count = s.gpr[ECX];
  count = replace_low(count, count - 1, address_bytes);
  return count & mask_of(address_bytes) ? Outcome::retry() : advance(e.length);
}

}  // namespace ringside
