#include "labs/framework/shadow_bridge.h"

#include <fmt/format.h>

#include <cstring>

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/trap/operands.h"

namespace ringside::labs {
namespace {
constexpr unsigned kMostRepeats = 8;  ///< an instruction may fault for its code and for several operands
constexpr u32 kMonitorEntry = RS_MONITOR_BASE >> 22;

bool writes_control_register(const Decoded& d) {
  return d.opcode == 0x0F22 || d.opcode == 0x0F06 || (d.opcode == 0x0F01 && d.reg == 6);
}
}  // namespace

ShadowBridge::ShadowBridge(Host& host, Session& session)
    : TrapSession(host, session, kShadowDemand), frames_(host) {
  guest.on_memory_written = [this](GuestPhys address, u64 bytes) { note_written(address, bytes); };
}

void ShadowBridge::boot(const Image& image, const std::string& command_line) {
  TrapSession::boot(image, command_line);
  tell_paging_changed();
}

void ShadowBridge::begin(const CpuState& state) {
  guest.begin(state);
  tell_paging_changed();
}

void ShadowBridge::before_entry() {
  TrapSession::before_entry();
  tell_written();
}

Exit ShadowBridge::enter(u64 budget) {
  if (!complaint().empty()) return exits::TripleFault{};
  guest.real().cr3 = root_;
  return TrapSession::enter(budget);
}

// ---- what the student's pager is told

bool ShadowBridge::tell_paging_changed() {
  root_ = 0;
  ask(Hook::PagingChanged, nullptr, 0);
  return root_ ||
         complain("your monitor has set no root: paging_changed() must end with a call of set_root()");
}

void ShadowBridge::note_written(GuestPhys address, u64 bytes) {
  if (asking() || !traced_.contains(static_cast<u32>(address.frame()))) return;
  const bool follows =
      written_bytes_ && address.value == written_ + written_bytes_ && address.frame() == written_ >> 12;
  if (follows) {
    written_bytes_ += bytes;
    return;
  }
  tell_written();
  written_ = address.value;
  written_bytes_ = bytes;
}

void ShadowBridge::tell_written() {
  if (!written_bytes_) return;
  const u32 piece[] = {static_cast<u32>(written_), static_cast<u32>(written_bytes_)};
  written_bytes_ = 0;
  ask(Hook::Written, piece, sizeof piece);
}

Outcome ShadowBridge::carry_out(const EmulationRow& row, const Decoded& d) {
  const CpuState before = guest.virt;
  const LinearAddr operand(
      d.memory ? guest.segment(static_cast<Seg>(d.seg)).base + emulation::effective_offset(guest, d) : 0);
  const Outcome outcome = TrapSession::carry_out(row, d);
  guest.descriptors.drop_gdt();
  guest.descriptors.drop_ldt();
  if (outcome.kind != Outcome::Kind::Advance) return outcome;
  tell_written();
  const u32 changed = (before.cr0 ^ guest.virt.cr0) & (cr0::PE | cr0::PG | cr0::WP);
  const bool cr3_written = d.opcode == 0x0F22 && d.reg == 3 && guest.virt.cr0 & cr0::PG;
  if (writes_control_register(d) && (cr3_written || changed || before.cr4 != guest.virt.cr4)) {
    if (!tell_paging_changed()) return Outcome::stop(complaint());
  } else if (d.opcode == 0x0F01 && d.reg == 7) {
    ask(Hook::Invlpg, &operand.value, sizeof operand.value);
  }
  return outcome;
}

Outcome ShadowBridge::page_fault(const exits::MonitorEntry& e) {
  const u32 arguments[] = {e.cr2, e.event.error_code & (page_fault::P | page_fault::W | page_fault::U)};
  tell_written();
  const lab::Outcome o = ask(Hook::PageFault, arguments, sizeof arguments);
  if (!complaint().empty()) return Outcome::stop(complaint());
  const bool again = e.cr2 == last_address_ && guest.real().eip == last_eip_;
  repeats_ = again ? repeats_ + 1 : 0;
  last_address_ = e.cr2;
  last_eip_ = guest.real().eip;
  switch (o.next) {
    case lab::Outcome::Retry:
      host.ledger.refine_exit(ExitReason::ShadowPageFault);
      if (repeats_ < kMostRepeats) return Outcome::retry();
      complain(
          fmt::format("page_fault() for {:08X}h (error code {}) has returned retry() {} times, and the "
                      "guest faults there again: the root's tables still deny the access",
                      e.cr2, arguments[1], repeats_ + 1));
      return Outcome::stop(complaint());
    case lab::Outcome::Fault:
      host.ledger.refine_exit(ExitReason::TruePageFault);
      return reflect({.vector = o.vector, .has_error_code = o.has_error, .error_code = o.error}, e.cr2);
    case lab::Outcome::Emulate: return emulate_access(LinearAddr(e.cr2));
    default:
      complain(fmt::format("your monitor does not handle the page fault at {:08X}h (error code {})", e.cr2,
                           arguments[1]));
      return Outcome::stop(complaint());
  }
}

Outcome ShadowBridge::emulate_access(LinearAddr address) {
  const auto physical = guest.translate(address);
  const bool device =
      physical && (host.machine.is_mmio(*physical) || !host.machine.ram().contains(*physical));
  host.ledger.refine_exit(device ? ExitReason::Mmio : ExitReason::ShadowPageTableWrite);
  if (device) host.ledger.count(CostEvent::UserSpaceRoundTrip);
  const Outcome outcome = emulate_memory(physical.value_or(GuestPhys(0)), true);
  tell_written();
  if (outcome.kind != Outcome::Kind::Stop) {
    last_eip_ = 0;  // carried out: the same store again is another one
    return outcome;
  }
  if (device || !physical) return outcome;
  // Nobody edits a page table by PUSH or CALL: the page has become something else, and the processor can
  // store there by itself as soon as the pager lets it.
  const bool traced = traced_.contains(static_cast<u32>(physical->frame()));
  if (!traced || repeats_) {
    hint_ = "flood";
    complain(
        fmt::format("emulate() cannot carry out the store at {:08X}h to guest-physical {:X}h, a page {}: "
                    "map it writable, and return retry()",
                    guest.real().eip, physical->value,
                    traced ? "that you trace still, although written() has named all of it"
                           : "of RAM that you do not trace"));
    return Outcome::stop(complaint());
  }
  const u32 whole[] = {static_cast<u32>(physical->frame()) << 12, static_cast<u32>(kPageSize)};
  ask(Hook::Written, whole, sizeof whole);
  return complaint().empty() ? Outcome::retry() : Outcome::stop(complaint());
}

// ---- what it asks for

bool ShadowBridge::set_root(u32 frame) {
  if (frame % kPageSize || !frames_.in_use(frame))
    return complain(fmt::format("set_root({:X}h): that is no frame of yours", frame));
  root_ = frame;
  const u32 own = guest.area.directory_entry();
  std::memcpy(host.memory.at(MachinePhys(frame + kMonitorEntry * 4), 4), &own, 4);
  guest.flush_tlb();
  return true;
}

bool ShadowBridge::serve_guest(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  const u32 a = call.a[0];
  std::string why;
  switch (static_cast<Call>(call.code)) {
    case Call::SetRoot: payload.clear(); return set_root(a);
    case Call::Invalidate: host.cpu.invalidate_page(LinearAddr(a)); return true;
    case Call::FlushTlb: guest.flush_tlb(); return true;
    case Call::Trace:
      if (!host.machine.ram().contains(GuestPhys(a)))
        return complain("your monitor traces a page beyond RAM");
      if (call.a[1])
        traced_.insert(a >> 12);
      else
        traced_.erase(a >> 12);
      return true;
    case Call::WriteEntry:
      if (call.a[1] != 4) return false;
      if (a == root_ + kMonitorEntry * 4) return payload.clear(), true;  // the monitor's own
      break;
    default: break;
  }
  const auto served = frames_.serve(call, payload, why);
  if (!why.empty()) complain(std::move(why));
  return served.value_or(false);
}

u32 ShadowBridge::entry(LinearAddr address) const {
  const auto read = [&](u64 at) {
    u32 value = 0;
    if (const u8* p = host.memory.at(MachinePhys(at), 4)) std::memcpy(&value, p, 4);
    return value;
  };
  const u32 directory = root_ ? read(root_ + (address.value >> 22) * 4) : 0;
  return directory & 1 ? read((directory & ~u32{kPageMask}) + (address.value >> 12 & 1023) * 4) : 0;
}

}  // namespace ringside::labs
