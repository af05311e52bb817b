#include "hypervisor/trap/trap_monitor.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/notes.h"
#include "hypervisor/boot/boot_machine.h"
#include "hypervisor/trap/operands.h"

namespace ringside {
namespace {

/// How many iterations of a REP string instruction one exit carries out.
constexpr unsigned kMostIterations = 4096;

ExitReason first_guess(const Event& e) {
  switch (e.type) {
    case EventType::ExternalInterrupt:
    case EventType::Nmi: return ExitReason::ExternalInterrupt;
    case EventType::SoftwareInterrupt:
    case EventType::SoftwareException: return ExitReason::Syscall;
    default: return ExitReason::GuestException;
  }
}

/// Faults that ring compression and shadow descriptors cause in instructions that the guest's processor would
/// execute.
bool may_hide_an_instruction(const Event& e) {
  return e.type == EventType::HardwareException && (e.vector == vector::GP || e.vector == vector::NP ||
                                                    e.vector == vector::SS || e.vector == vector::TS);
}

constexpr u32 kDr6SingleStep = 1u << 14;

}  // namespace

TrapMonitor::TrapMonitor(Host& host, ShadowPolicy policy) : Monitor(host), guest(host, policy) {}

void TrapMonitor::boot(const Image& image, const std::string& command_line) {
  guest.begin(boot_machine(image, host, command_line));
  notes(host.cpu).before_silent = [this](u16 opcode, u8 reg) {
    if (!first_difference_) first_difference_ = silent_difference(guest, opcode, reg);
  };
}

// ---- the way in

void TrapMonitor::before_entry() {
  if (!guest.interrupts_enabled() || guest.interrupt_shadow || !host.machine.interrupt_pending()) return;
  const Event e{.vector = host.machine.acknowledge_interrupt(), .type = EventType::ExternalInterrupt};
  triple_fault_ |= !deliver(e, 0);
}

Exit TrapMonitor::enter(u64 budget) {
  if (triple_fault_) return exits::TripleFault{};
  guest.prepare_entry();
  // What STI holds off may come one instruction later.
  if (guest.interrupt_shadow) budget = std::min<u64>(budget, 1);
  guest.interrupt_shadow = false;
  return widen(host.cpu.run(budget));
}

void TrapMonitor::apply(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::Advance: {
      u32& eip = guest.real().eip;
      eip += outcome.length;
      if (outcome.length && !guest.real().seg[CS].big()) eip &= 0xFFFF;
      if (single_step_) {
        guest.virt.dr[6] |= kDr6SingleStep;
        triple_fault_ |= !deliver({.vector = vector::DB}, 0);
      }
      break;
    }
    case Outcome::Kind::Inject: triple_fault_ |= !deliver(outcome.event, guest.fault.cr2); break;
    default: break;
  }
  if (in_exit_) host.ledger.end_exit();
  in_exit_ = false;
}

// ---- the way out

Outcome TrapMonitor::on(const exits::MonitorEntry& e) {
  host.ledger.begin_exit(first_guess(e.event));
  host.ledger.count(CostEvent::RingTransition);
  in_exit_ = true;
  single_step_ = guest.real().eflags & eflags::TF;
  Outcome outcome = handle(e);
  if (outcome.kind == Outcome::Kind::Stop) {
    host.ledger.end_exit();
    in_exit_ = false;
  }
  return outcome;
}

Outcome TrapMonitor::on(const exits::TripleFault&) {
  if (!guest.limitation.empty()) return Outcome::stop(guest.limitation);
  return Outcome::stop(
      "triple fault: an exception could not be delivered, nor the double fault that it caused");
}

Outcome TrapMonitor::handle(const exits::MonitorEntry& e) {
  const Event& event = e.event;
  if (event.type == EventType::ExternalInterrupt) {
    host.ledger.handled_at();
    host.cpu.set_interrupt_line(false);
    return Outcome::retry();  // before_entry() looks whether the guest takes it
  }
  if (event.type == EventType::HardwareException && event.vector == vector::PF) return page_fault(e);
  if (may_hide_an_instruction(event)) return emulate(event);
  host.ledger.handled_at();
  if (event.vector == vector::DB) guest.virt.dr[6] = guest.real().dr[6];
  return reflect(event, 0);
}

Outcome TrapMonitor::reflect(const Event& event, u32 cr2) {
  guest.fault = {event, cr2};
  return Outcome::inject(event);
}

Outcome TrapMonitor::page_fault(const exits::MonitorEntry& e) {
  const LinearAddr address(e.cr2);
  const Access access = e.event.error_code & page_fault::W ? Access::Write : Access::Read;
  const auto r = guest.paging.resolve(address, access, e.event.error_code & page_fault::U);
  using Kind = ShadowPaging::Resolution::Kind;
  switch (r.kind) {
    case Kind::Filled: host.ledger.refine_exit(ExitReason::ShadowPageFault); return Outcome::retry();
    case Kind::GuestFault:
      host.ledger.refine_exit(ExitReason::TruePageFault);
      return reflect({.vector = vector::PF, .has_error_code = true, .error_code = r.walk.error_code}, e.cr2);
    case Kind::Unsynced: host.ledger.refine_exit(ExitReason::ShadowPageTableWrite); return Outcome::retry();
    case Kind::TracedWrite: {
      host.ledger.refine_exit(ExitReason::ShadowPageTableWrite);
      return emulate_memory(r.physical, false);
    }
    case Kind::Device:
      host.ledger.refine_exit(ExitReason::Mmio);
      host.ledger.count(CostEvent::UserSpaceRoundTrip);
      return emulate_memory(r.physical, true);
  }
  return Outcome::stop();
}

Outcome TrapMonitor::emulate_memory(GuestPhys page, bool device) {
  host.ledger.count(CostEvent::DecodeAndEmulate);
  for (unsigned i = 0; i < kMostIterations; ++i) {
    const Emulation e = guest.emulate_memory_instruction();
    switch (e.kind) {
      case Emulation::Kind::Done: return Outcome::advance(0);
      case Emulation::Kind::Fault: return reflect(e.fault.event, e.fault.cr2);
      case Emulation::Kind::Again:
        if (device) break;
        return give_up(page);  // a loop over a page table takes it for ordinary memory
      case Emulation::Kind::Unmodelled:
        if (!device) return give_up(page);
        return Outcome::stop(
            fmt::format("the instruction at {:04X}:{:08X} reaches device memory and is not emulated: {}",
                        guest.selector(CS), guest.real().eip, e.what));
    }
  }
  return Outcome::retry();
}

/// Lets the guest write a protected page directly: the processor can execute what the emulator cannot, or not
/// well.
Outcome TrapMonitor::give_up(GuestPhys page) {
  guest.paging.unshadow(page);
  guest.descriptors.release(page);
  return Outcome::retry();
}

bool TrapMonitor::fetch(Decoded& d) {
  const SegmentRegister& cs = guest.real().seg[CS];
  const LinearAddr at(cs.base + guest.real().eip);
  const bool user = guest.cpl() == 3;
  u8 bytes[kMaxInstructionLength];
  const u32 first = std::min<u32>(sizeof bytes, kPageSize - at.offset());
  if (!guest.read(at, bytes, first, user)) return false;
  const CpuModel model = host.cpu.config().model;
  DecodeStatus status = decode(bytes, first, cs.big(), model, d);
  if (status == DecodeStatus::Truncated) {
    if (!guest.read(at + first, bytes + first, sizeof bytes - first, user)) return false;
    d = {};
    status = decode(bytes, sizeof bytes, cs.big(), model, d);
  }
  if (status == DecodeStatus::Undefined) return guest.raise(vector::UD);
  return status == DecodeStatus::Ok || guest.raise(vector::GP, 0);
}

Outcome TrapMonitor::emulate(const Event& event) {
  host.ledger.count(CostEvent::DecodeAndEmulate);
  Decoded d;
  if (!fetch(d)) return reflect(guest.fault.event, guest.fault.cr2);
  if (const EmulationRow* row = emulations.find(d)) {
    host.ledger.refine_exit(row->reason);
    const bool privileged = d.row->privilege() == attribute::Ring0;
    if (privileged && guest.cpl() != 0) {
      host.ledger.refine_exit(ExitReason::GuestException);
      return reflect({.vector = vector::GP, .has_error_code = true}, 0);
    }
    Outcome outcome = carry_out(*row, d);
    if (outcome.kind == Outcome::Kind::Inject && row->reason != ExitReason::Syscall)
      host.ledger.refine_exit(ExitReason::GuestException);
    return outcome;
  }
  if (lies_in_cut_off_part(d)) return emulate_cut_off();
  return reflect(event, 0);
}

/// Carries out what the guest's own segment permits and the real one, cut off below the monitor, does not.
Outcome TrapMonitor::emulate_cut_off() {
  for (unsigned i = 0; i < kMostIterations; ++i) {
    const Emulation e = guest.emulate_memory_instruction();
    if (e.kind == Emulation::Kind::Again) continue;
    if (e.kind == Emulation::Kind::Fault) return reflect(e.fault.event, e.fault.cr2);
    if (e.kind == Emulation::Kind::Unmodelled)
      return Outcome::stop(fmt::format(
          "the instruction at {:04X}:{:08X} reaches a part of its segment that is cut off because "
          "this monitor lives from {:08X}h up, and is not emulated: {}",
          guest.selector(CS), guest.real().eip, u32{RS_MONITOR_BASE}, e.what));
    host.ledger.refine_exit(ExitReason::PrivilegedInstruction);
    return Outcome::advance(0);
  }
  host.ledger.refine_exit(ExitReason::PrivilegedInstruction);
  return Outcome::retry();
}

/// Whether a memory operand lies in the part of the guest's segment that was cut off. A segment with a base
/// may reach any address there: offsets wrap round the end of the address space.
bool TrapMonitor::lies_in_cut_off_part(const Decoded& d) {
  constexpr u32 kWidest = 16;
  auto beyond = [&](Seg s, u32 offset) {
    const SegmentRegister whole = guest.segment(s);
    const SegmentRegister& cut = guest.real().seg[s];
    if (!whole.usable()) return false;
    return !cut.usable() || (cut.limit < whole.limit && u64{offset} + kWidest > cut.limit);
  };
  const auto& r = guest.real().gpr;
  const u32 mask = d.address32 ? ~u32{0} : 0xFFFF;
  if (d.memory && beyond(static_cast<Seg>(d.seg), emulation::effective_offset(guest, d))) return true;
  const bool string = (d.opcode >= 0xA4 && d.opcode <= 0xA7) || (d.opcode >= 0xAA && d.opcode <= 0xAF);
  return string && (beyond(static_cast<Seg>(d.seg), r[ESI] & mask) || beyond(ES, r[EDI] & mask));
}

}  // namespace ringside
