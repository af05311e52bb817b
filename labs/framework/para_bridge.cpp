#include "labs/framework/para_bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hypervisor/para/hypercalls.h"
#include "labs/framework/serve_machine.h"

namespace ringside::labs {
namespace {

// hypercalls.h repeats what abi/paravirtual.h says, for students of the lab.
static_assert(lab::HC_COUNT == RS_HC_COUNT && lab::HC_VERSION == RS_HC_VERSION &&
              lab::HC_MMU_UPDATE == RS_HC_MMU_UPDATE &&
              lab::HC_UPDATE_VA_MAPPING == RS_HC_UPDATE_VA_MAPPING && lab::HC_MMUEXT_OP == RS_HC_MMUEXT_OP &&
              lab::HC_EVENT_SEND == RS_HC_EVENT_SEND && lab::HC_SCHED_OP == RS_HC_SCHED_OP &&
              lab::HC_SET_CALLBACK == RS_HC_SET_CALLBACK && lab::HC_CONSOLE_WRITE == RS_HC_CONSOLE_WRITE &&
              lab::HC_IRET == RS_HC_IRET && lab::HC_MULTICALL == RS_HC_MULTICALL &&
              lab::HC_SET_TIMER == RS_HC_SET_TIMER);
static_assert(lab::HC_EPERM == RS_EPERM && lab::HC_EFAULT == RS_EFAULT && lab::HC_EBUSY == RS_EBUSY &&
              lab::HC_EINVAL == RS_EINVAL && lab::HC_ENOSYS == RS_ENOSYS && lab::BATCH_MAX == RS_BATCH_MAX &&
              lab::HYPERCALL_BYTES == RS_HC_STUB_BYTES && lab::kMonitorBase == RS_MONITOR_BASE);
static_assert(lab::SCHED_SHUTDOWN == RS_SCHED_SHUTDOWN && lab::EVENT_DISK == RS_EVENT_DISK &&
              lab::UVMF_TLB_FLUSH == RS_UVMF_TLB_FLUSH);
static_assert(sizeof(lab::mmu_update) == sizeof(rs_mmu_update) &&
              sizeof(lab::multicall) == sizeof(rs_multicall) &&
              sizeof(lab::shared_info) == sizeof(rs_shared_info) &&
              sizeof(lab::console_ring) == sizeof(rs_console_ring));

/// What our paging refuses a student's entry for, in the words of the lab, and the lab's hint.
std::pair<const char*, std::string_view> refusal(para::Status status, bool directory) {
  switch (-status) {
    case RS_EPERM: return {"it leads to a frame, or lies in a place, that is not the guest's", "foreign"};
    case RS_EBUSY:
      return directory ? std::pair<const char*, std::string_view>{"the frame is in use as something else",
                                                                  "directory"}
                       : std::pair<const char*, std::string_view>{
                             "the frame is a page table, and would be writable", "writable-table"};
    default: return {"neither the place nor the bits are those of a guest's entry", "entry-bits"};
  }
}

/// The hypercalls of ParaVm::standard().
bool is_standard(u32 number, u32 argument) {
  switch (number) {
    case RS_HC_SET_TRAP_TABLE:
    case RS_HC_STACK_SWITCH:
    case RS_HC_UPDATE_DESCRIPTOR:
    case RS_HC_MMUEXT_OP:
    case RS_HC_SET_CALLBACK:
    case RS_HC_SET_TIMER:
    case RS_HC_IRET: return true;
    case RS_HC_EVENT_SEND: return argument != RS_EVENT_CONSOLE;
    default: return false;
  }
}

std::string name_of(u32 number) {
  return number < RS_HC_COUNT ? para::hypercalls()[number].name : fmt::format("number {}", number);
}

}  // namespace

Cpu ParaBridge::cpu_now() {
  const CpuState s = virtual_state();
  Cpu c{};
  std::copy(s.gpr.begin(), s.gpr.end(), c.reg);
  c.eip = s.eip;
  c.eflags = s.eflags;
  c.virtual_if = !domain().events.masked();
  c.cr0 = s.cr0;
  c.cr3 = domain().paging.base() << 12;
  c.cs = s.seg[CS].selector;
  c.ss = s.seg[SS].selector;
  c.cpl = s.cpl();
  return c;
}

bool ParaBridge::complain(std::string what, std::string_view hint) {
  if (!complaint_.empty()) return true;
  hint_ = session_.lost().empty() ? hint : std::string_view();
  complaint_ = session_.lost().empty() ? std::move(what) : session_.lost();
  return true;
}

void ParaBridge::hypercall() {
  para::Domain& d = domain();
  const CpuState& s = d.cpu();
  const u32 words[] = {s.gpr[EAX], s.gpr[EBX], s.gpr[ECX], s.gpr[EDX]};
  host.ledger.handled_at();
  if (words[0] < RS_HC_COUNT) host.ledger.refine_exit(para::hypercalls()[words[0]].reason);
  host.ledger.count(CostEvent::HypercallDispatch);
  const Session::Done done = session_.exchange(Hook::Hypercall, words, sizeof words, cpu_now(), *this);
  host.ledger.count(CostEvent::PageTableUpdate, d.paging.take_work());
  if (!session_.lost().empty() || done.outcome.next != lab::Outcome::Done)
    complain(fmt::format("your monitor does not answer the hypercall {}", name_of(words[0])));
  if (!complaint_.empty()) d.crash = complaint_;
  if (d.crash.empty()) d.cpu().gpr[EAX] = done.outcome.error;
}

lab::FrameType ParaBridge::type_of(u32 frame) {
  const para::DirectPaging& paging = domain().paging;
  if (!paging.owns(frame)) return lab::FrameType::Foreign;
  switch (paging.info(frame).type) {
    case para::FrameType::Writable: return lab::FrameType::Writable;
    case para::FrameType::L1: return lab::FrameType::PageTable;
    case para::FrameType::L2: return lab::FrameType::Directory;
    case para::FrameType::None: break;
  }
  return lab::FrameType::Plain;
}

/// Makes it a table for a moment. That costs nothing: the entry that is to name it pays for the same work.
para::Status ParaBridge::check_table(u32 frame) {
  para::DirectPaging& paging = domain().paging;
  if (type_of(frame) != lab::FrameType::Plain) return -RS_EINVAL;
  host.ledger.count(CostEvent::PageTableUpdate, paging.take_work());
  const para::Status status = paging.pin(frame, para::FrameType::L1);
  if (!status) paging.unpin(frame);
  paging.take_work();
  return status;
}

bool ParaBridge::write_entry(u32 address, u32 value) {
  host.ledger.refine_exit(ExitReason::HypercallMmuUpdate);
  const para::Status status = domain().paging.update(address, value);
  if (!status) return true;
  const auto [why, hint] = refusal(status, type_of(address >> 12) == lab::FrameType::Directory);
  return complain(
      fmt::format("your monitor writes {:08X}h into the entry at {:X}h, which must be refused by -{}: {}",
                  value, address, -status, why),
      hint);
}

bool ParaBridge::standard(Frame& call, const std::vector<u8>& payload) {
  std::array<u32, 4> words;
  if (payload.size() != sizeof words) return false;
  std::memcpy(words.data(), payload.data(), sizeof words);
  const u32 number = words[0];
  if (!is_standard(number, words[1]))
    return complain(fmt::format("standard() does not carry out {}: that one is yours", name_of(number)),
                    "yours");
  if (para::hypercalls()[number].reason != ExitReason::Hypercall)
    host.ledger.refine_exit(para::hypercalls()[number].reason);
  call.a[0] = static_cast<u32>(para::hypercalls()[number].call(domain(), {words[1], words[2], words[3]}));
  return true;
}

bool ParaBridge::write_physical(GuestPhys at, const std::vector<u8>& bytes) {
  const GuestMemory& ram = host.machine.ram();
  if (!ram.contains(at, bytes.size())) return false;
  const u64 first = ram.to_machine(at).frame(), last = (ram.to_machine(at) + bytes.size()).frame();
  for (u64 frame = first; frame <= last; ++frame)
    if (!domain().paging.prepare_write(static_cast<u32>(frame))) return false;  // a page table, for example
  std::memcpy(ram.at(at, bytes.size()), bytes.data(), bytes.size());
  domain().cache.written(ram.to_machine(at), bytes.size());
  return true;
}

bool ParaBridge::serve(Frame& call, std::vector<u8>& payload) {
  const bool served = serve_guest(call, payload);
  call.cpu = cpu_now();
  return served;
}

bool ParaBridge::serve_guest(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  para::Domain& d = domain();
  const u32 a = call.a[0], b = call.a[1];
  switch (static_cast<Call>(call.code)) {
    case Call::Read:
      if (b > lab::kMostBytes) return false;
      payload.assign(b, 0);
      call.a[0] = d.memory.read(LinearAddr(a), payload.data(), b);
      return true;
    case Call::Write:
      if (b != payload.size()) return false;
      call.a[0] = d.memory.write(LinearAddr(a), payload.data(), b);
      break;
    case Call::WritePhysical:
      if (b != payload.size()) return false;
      call.a[0] = b == 0 || write_physical(GuestPhys(a), payload);
      break;
    case Call::FrameType: call.a[0] = static_cast<u32>(type_of(a)); break;
    case Call::CheckTable: call.a[0] = static_cast<u32>(check_table(a)); break;
    case Call::ReadEntry: {
      const lab::FrameType type = type_of(a >> 12);
      if (b != 4) return false;
      if (a % 4 || (type != lab::FrameType::PageTable && type != lab::FrameType::Directory))
        complain(
            fmt::format("your monitor reads an entry at {:X}h, which is in no page table of the guest's", a),
            "entry-bits");
      else
        std::memcpy(call.a, host.memory.at(MachinePhys(a), 4), 4);
      break;
    }
    case Call::WriteEntry: {
      u32 value;
      if (b != 4 || payload.size() != sizeof value) return false;
      std::memcpy(&value, payload.data(), sizeof value);
      write_entry(a, value);
      break;
    }
    case Call::Invalidate: d.cache.invalidate(LinearAddr(a)); break;
    case Call::FlushTlb: d.paging.flush(); break;
    case Call::ConsoleRing: call.a[0] = d.layout.linear(d.layout.console_ring).value; break;
    case Call::Block:
      d.events.set_masked(false);
      d.blocked = !d.events.pending();
      break;
    case Call::PowerOff: host.machine.power_off(static_cast<u8>(std::min(a, 255u))); break;
    case Call::Standard:
      if (!standard(call, payload)) return false;
      break;
    default: return serve_machine(host, call, payload).value_or(false);
  }
  payload.clear();
  return true;
}

}  // namespace ringside::labs
