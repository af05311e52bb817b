#include "hypervisor/para/hypercalls.h"

#include <algorithm>
#include <cstddef>

namespace ringside::para {
namespace {

/// Page-table entries that one hypercall may look at before its batch is cut short: some 20 ms of the host's
/// time.
constexpr u64 kEffortLimit = 2'000'000;
constexpr u32 kLongestText = 4096;

/// Works off a batch of `Row`s in guest memory. Returns how many were done, or the first one's error.
template <class Row, class Do>
Status batch(Domain& d, u32 rows, u32 count, Do&& carry_out) {
  if (count > RS_BATCH_MAX) return -RS_EINVAL;
  const u64 limit = d.paging.effort() + kEffortLimit;
  u32 done = 0;
  for (; done < count && d.paging.effort() < limit; ++done) {
    const LinearAddr at(rows + done * u32{sizeof(Row)});
    auto row = d.memory.read<Row>(at);
    const Status status = row ? carry_out(at, *row) : -RS_EFAULT;
    if (status) return done ? static_cast<Status>(done) : status;
  }
  return static_cast<Status>(done);
}

Status set_trap_table(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return d.traps.set(d.memory, LinearAddr(a[0]));
}

Status stack_switch(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  const auto stack = d.descriptors.find(static_cast<u16>(a[0]));
  if (a[0] > 0xFFFF || !stack || stack->dpl() != 1) return -RS_EINVAL;
  d.descriptors.set_ring1_stack(static_cast<u16>((a[0] & ~3u) | 1), a[1]);
  return 0;
}

Status update_descriptor(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return d.descriptors.update(a[0], a[1], a[2]);
}

Status mmu_update(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return batch<rs_mmu_update>(d, a[0], a[1], [&](LinearAddr, const rs_mmu_update& row) {
    return d.paging.update(row.address, row.value);
  });
}

Status update_va_mapping(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  const LinearAddr linear(a[0]);
  if (a[2] > RS_UVMF_TLB_FLUSH) return -RS_EINVAL;
  if (Status refused = d.paging.update_linear(linear, a[1])) return refused;
  if (a[2] == RS_UVMF_INVLPG) d.cache.invalidate(linear);
  if (a[2] == RS_UVMF_TLB_FLUSH) d.paging.flush();
  return 0;
}

Status mmuext_op(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return batch<rs_mmuext_op>(d, a[0], a[1], [&](LinearAddr, const rs_mmuext_op& row) -> Status {
    switch (row.command) {
      case RS_MMUEXT_PIN_L1: return d.paging.pin(row.argument, FrameType::L1);
      case RS_MMUEXT_PIN_L2: return d.paging.pin(row.argument, FrameType::L2);
      case RS_MMUEXT_UNPIN: return d.paging.unpin(row.argument);
      case RS_MMUEXT_NEW_BASEPTR: {
        const Status refused = d.paging.new_base(row.argument);
        if (refused) return refused;
        d.load_base();
        d.host.ledger.count(CostEvent::NativeCr3Write);
        return 0;
      }
      case RS_MMUEXT_TLB_FLUSH: d.paging.flush(); return 0;
      case RS_MMUEXT_INVLPG: d.cache.invalidate(LinearAddr(row.argument)); return 0;
      default: return -RS_EINVAL;
    }
  });
}

Status set_callback(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  d.events.set_callback(a[0]);
  return 0;
}

Status sched_op(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  switch (a[0]) {
    case RS_SCHED_YIELD: return 0;
    case RS_SCHED_BLOCK:
      d.events.set_masked(false);
      d.blocked = !d.events.pending();
      return 0;
    case RS_SCHED_SHUTDOWN: d.host.machine.power_off(static_cast<u8>(std::min(a[1], 255u))); return 0;
    default: return -RS_EINVAL;
  }
}

Status event_send(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  switch (a[0]) {
    case RS_EVENT_CONSOLE: {
      std::string text;
      const Status status = d.console.drain(text);
      if (text.empty()) return status;
      d.host.machine.print(text);
      d.host.ledger.count(CostEvent::RingRequest);
      d.host.ledger.count(CostEvent::DeviceAccess);
      return status;
    }
    case RS_EVENT_DISK: {
      const DiskRing::Served served = d.disk.serve();
      d.host.ledger.count(CostEvent::RingRequest, served.requests);
      d.host.ledger.count(CostEvent::DeviceAccess, served.requests);
      if (served.notify) d.events.raise(RS_EVENT_DISK);
      return served.status;
    }
    case RS_EVENT_NET: {
      if (!d.net) return -RS_EINVAL;
      const NetRing::Served served = d.net->serve(d.host.now());
      d.host.ledger.count(CostEvent::RingRequest, served.frames);
      d.host.ledger.count(CostEvent::DeviceAccess, served.frames);
      if (served.notify) d.events.raise(RS_EVENT_NET);
      return served.status;
    }
    default: return -RS_EINVAL;
  }
}

Status set_timer(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return d.timer.set(a[0], d.host.now(), d.host.hz());
}

Status console_write(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  if (a[1] > kLongestText) return -RS_EINVAL;
  std::string text(a[1], '\0');
  if (!d.memory.read(LinearAddr(a[0]), text.data(), a[1])) return -RS_EFAULT;
  d.host.machine.print(text);
  d.host.ledger.count(CostEvent::DeviceAccess);
  return 0;
}

Status iret(Domain& d, const Arguments&) {
  d.host.ledger.handled_at();
  bool virtual_if = false;
  d.crash = pop_frame(d.context(), virtual_if);
  if (d.crash.empty()) d.events.set_masked(!virtual_if);
  return static_cast<Status>(d.cpu().gpr[EAX]);
}

Status version(Domain& d, const Arguments&) {
  d.host.ledger.handled_at();
  return RS_ABI_VERSION;
}

Status call(Domain& d, u32 number, const Arguments& a) {
  d.host.ledger.count(CostEvent::HypercallDispatch);
  const Status result = hypercalls()[number].call(d, a);
  d.host.ledger.count(CostEvent::PageTableUpdate, d.paging.take_work());
  return result;
}

Status multicall(Domain& d, const Arguments& a) {
  d.host.ledger.handled_at();
  return batch<rs_multicall>(d, a[0], a[1], [&](LinearAddr at, const rs_multicall& row) -> Status {
    const LinearAddr result_at = at + offsetof(rs_multicall, result);
    // Before anything is done: a call whose result cannot be told is refused.
    if (!d.memory.write(result_at, &row.result, sizeof row.result)) return -RS_EFAULT;
    Status result = -RS_ENOSYS;
    if (row.operation < RS_HC_COUNT) {
      const Hypercall& h = hypercalls()[row.operation];
      if (h.in_multicall && h.reason != ExitReason::Hypercall) d.host.ledger.refine_exit(h.reason);
      result = h.in_multicall ? call(d, row.operation, {row.arguments[0], row.arguments[1], row.arguments[2]})
                              : -RS_EINVAL;
    }
    // The call may have unmapped the page; then nobody is left to be told.
    d.memory.write(result_at, &result, sizeof result);
    return 0;
  });
}

// clang-format off
constexpr std::array<Hypercall, RS_HC_COUNT> kHypercalls{{
    // name               body               accounted as                        in a multicall
    {"set_trap_table",    set_trap_table,    ExitReason::Hypercall,              true},
    {"stack_switch",      stack_switch,      ExitReason::Hypercall,              true},
    {"update_descriptor", update_descriptor, ExitReason::Hypercall,              true},
    {"mmu_update",        mmu_update,        ExitReason::HypercallMmuUpdate,     true},
    {"update_va_mapping", update_va_mapping, ExitReason::HypercallMmuUpdate,     true},
    {"mmuext_op",         mmuext_op,         ExitReason::HypercallMmuUpdate,     true},
    {"set_callback",      set_callback,      ExitReason::HypercallEventChannel,  true},
    {"sched_op",          sched_op,          ExitReason::HypercallEventChannel,  false},
    {"event_send",        event_send,        ExitReason::HypercallEventChannel,  true},
    {"set_timer",         set_timer,         ExitReason::Hypercall,              true},
    {"console_write",     console_write,     ExitReason::Hypercall,              true},
    {"iret",              iret,              ExitReason::HypercallIret,          false},
    {"multicall",         multicall,         ExitReason::Hypercall,              false},
    {"version",           version,           ExitReason::Hypercall,              true},
}};
// clang-format on

}  // namespace

std::span<const Hypercall> hypercalls() { return kHypercalls; }

void hypercall(Domain& d) {
  CpuState& s = d.cpu();
  const u32 number = s.gpr[EAX];
  Status result = -RS_ENOSYS;
  if (number < RS_HC_COUNT) {
    d.host.ledger.refine_exit(kHypercalls[number].reason);
    result = call(d, number, {s.gpr[EBX], s.gpr[ECX], s.gpr[EDX]});
  } else {
    d.host.ledger.count(CostEvent::HypercallDispatch);
  }
  s.gpr[EAX] = static_cast<u32>(result);
}

}  // namespace ringside::para
