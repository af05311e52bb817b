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

/// Below the limit of a segment that expands upwards.
constexpr bool surely_inside(const SegmentRegister& r, u32 offset, unsigned bytes) {
  const bool expand_down = !r.code() && (r.access & access_rights::kExpandDownOrConforming);
  return !expand_down && u64{offset} + bytes - 1 <= r.limit;
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

/// A REP INS or OUTS exits before its first iteration. The monitor carries out as many as lie in one page of
/// guest memory, in one visit to the device model, as KVM does; EIP stays at the instruction until the count
/// has run out.
Outcome VmxMonitor::string_io(const exits::IoInstruction& e) {
  CpuState& s = guest();
  const CpuState seen = virtual_state();
  MonitoredOperands memory(*this, seen);
  const SegmentRegister& segment = s.seg[e.segment];
  const u32 mask = mask_of(e.address32 ? 4 : 2), step = s.eflags & eflags::DF ? 0u - e.size : e.size;
  u32 &index = s.gpr[e.in ? EDI : ESI], &count = s.gpr[ECX];
  host.ledger.count(CostEvent::UserSpaceRoundTrip);
  for (LinearAddr at = e.linear;;) {
    u32 value = 0;
    // A fault must come before the device has given the datum away.
    if (!(e.in ? memory.check(at, e.size, Access::Write) : memory.read(at, e.size, value)))
      return inject_fault(memory.fault);
    host.ledger.count(CostEvent::DeviceAccess);
    if (!e.in)
      host.machine.port_out(e.port, value, e.size);
    else if (!memory.write(at, e.size, host.machine.port_in(e.port, e.size)))
      return inject_fault(memory.fault);
    index = (index & ~mask) | ((index + step) & mask);
    if (!e.rep) return advance(e.length);
    count = (count & ~mask) | ((count - 1) & mask);
    if (!(count & mask)) return advance(e.length);
    // Where the next element is not certainly in the same page and segment, the processor checks it anew.
    at = LinearAddr(segment.base + (index & mask));
    if (at.page() != e.linear.page() || !surely_inside(segment, index & mask, e.size))
      return Outcome::retry();
  }
}

}  // namespace ringside
