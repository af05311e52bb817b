// Reflecting events into the guest: what its processor would have done with its own IDT, done by the monitor.
//
// The frame that the guest's kernel finds shows its own selectors (ring 0 as ring 0) and its own interrupt
// flag. Manual: Intel SDM vol. 3 sections 6.12 to 6.15; 20.3 for virtual-8086 tasks, 20.1.4 for real mode.
#include "cpu/notes.h"
#include "hypervisor/trap/guest.h"

namespace ringside {
namespace {

constexpr u32 kExternal = 1, kIdt = 2;  // bits of a selector error code

enum class Severity : u8 { Benign, Contributory, PageFault };

Severity severity(u8 vector) {
  switch (vector) {
    case vector::DE:
    case vector::TS:
    case vector::NP:
    case vector::SS:
    case vector::GP: return Severity::Contributory;
    case vector::PF: return Severity::PageFault;
    default: return Severity::Benign;
  }
}

bool by_software(const Event& e) {
  return e.type == EventType::SoftwareInterrupt || e.type == EventType::SoftwareException;
}

/// Faults push RF = 1, so that an instruction breakpoint does not strike twice (SDM vol. 3 section 17.3.1.1).
bool fault_class(const Event& e) {
  constexpr u32 kOthers =
      1u << vector::DB | 1u << vector::NMI | 1u << vector::BP | 1u << vector::OF | 1u << vector::DF;
  return e.type == EventType::HardwareException && e.vector <= vector::AC && !(kOthers >> e.vector & 1);
}

/// SDM vol. 3 table 6-5. An event that is no exception is benign.
bool makes_double_fault(const Event& first, const Event& second) {
  if (first.type != EventType::HardwareException) return false;
  const Severity a = severity(first.vector), b = severity(second.vector);
  if (a == Severity::Contributory) return b == Severity::Contributory;
  return a == Severity::PageFault && b != Severity::Benign;
}

}  // namespace

bool TrapGuest::deliver(Event event, u32 cr2) {
  const Event first = event;
  const u32 first_cr2 = cr2;
  for (;;) {
    host.ledger.count(CostEvent::InjectEvent);
    if (event.vector == vector::PF && event.type == EventType::HardwareException) virt.cr2 = cr2;
    if (protected_mode() ? deliver_once(event) : deliver_real_mode(event)) {
      interrupt_shadow = false;
      return true;
    }
    if (!limitation.empty()) return false;
    const bool was_double_fault = event.type == EventType::HardwareException && event.vector == vector::DF;
    if (was_double_fault && severity(fault.event.vector) != Severity::Benign) {
      notes(host.cpu).shutdown = {first, first_cr2, fault.event, fault.cr2};
      return false;
    }
    event = makes_double_fault(event, fault.event)
                ? Event{.vector = vector::DF, .has_error_code = true, .error_code = 0}
                : fault.event;
    cr2 = fault.cr2;
  }
}

bool TrapGuest::deliver_once(const Event& e) {
  const u32 external = by_software(e) ? 0 : kExternal, idt_error = e.vector * 8u + kIdt + external;
  if (e.vector * 8u + 7 > virt.idtr.limit) return raise(vector::GP, idt_error);
  u32 gate[2];
  if (!read(LinearAddr(virt.idtr.base + e.vector * 8u), gate, sizeof gate, false)) return false;
  const u32 type = (gate[1] >> 8) & 0x1F, gate_dpl = (gate[1] >> 13) & 3;
  constexpr u32 kTaskGate = 5, kInterrupt16 = 6, kTrap16 = 7, kInterrupt32 = 14, kTrap32 = 15;
  if (type != kTaskGate && type != kInterrupt16 && type != kTrap16 && type != kInterrupt32 && type != kTrap32)
    return raise(vector::GP, idt_error);
  const u32 cpl = this->cpl();
  if (by_software(e) && gate_dpl < cpl) return raise(vector::GP, idt_error);
  if (!(gate[1] & 0x8000)) return raise(vector::NP, idt_error);
  if (type == kTaskGate) {
    limitation = "the guest handles an event through a task gate, which this monitor does not emulate";
    return false;
  }

  const u16 code = static_cast<u16>(gate[0] >> 16);
  const bool gate32 = type & 8;
  const u32 offset = (gate[0] & 0xFFFF) | (gate32 ? gate[1] & 0xFFFF0000u : 0);
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(code, vector::GP, d, where, external)) return false;
  const bool code_segment = d.s() && d.type() & 8, conforming = d.type() & 4;
  if (!code_segment || d.dpl() > cpl) return raise(vector::GP, (code & 0xFFFCu) | external);
  if (!d.present()) return raise(vector::NP, (code & 0xFFFCu) | external);

  const Undo before = remember();
  const auto old_segments = real().seg;
  const u32 old_flags = flags(), return_eip = real().eip + e.instruction_length;
  const u32 old_cs = selector(CS), old_ss = selector(SS), old_esp = real().gpr[ESP];
  const bool from_8086 = virtual_8086();
  const u32 ring = conforming ? cpl : d.dpl();
  if (from_8086 && ring != 0) return raise(vector::GP, (code & 0xFFFCu) | external);

  bool ok = true;
  if (from_8086) set_flags(old_flags & ~eflags::VM);
  if (ring != cpl) ok = switch_stack(ring, external);
  if (ok && from_8086) {
    ok = push({old_segments[GS].selector, old_segments[FS].selector, old_segments[DS].selector,
               old_segments[ES].selector},
              gate32);
    for (Seg s : {GS, FS, DS, ES}) real().seg[s] = {};
  }
  if (ok && ring != cpl) ok = push({old_ss, old_esp}, gate32);
  if (ok) ok = push({old_flags | (fault_class(e) ? eflags::RF : 0), old_cs, return_eip}, gate32);
  if (ok && e.has_error_code) ok = push({e.error_code}, gate32);
  if (ok) ok = enter_code(code, d, where, ring, offset);
  if (!ok) {
    // The faults of pushing onto the new stack carry its selector and the external bit.
    if (fault.event.vector == vector::SS && fault.event.error_code == 0)
      fault.event.error_code = (ring != cpl ? real().seg[SS].selector & 0xFFFCu : 0) | external;
    undo(before);
    return false;
  }
  u32 cleared = eflags::TF | eflags::NT | eflags::RF | eflags::VM;
  if (type == kInterrupt16 || type == kInterrupt32) cleared |= eflags::IF;
  set_flags(old_flags & ~cleared);
  return true;
}

bool TrapGuest::deliver_real_mode(const Event& e) {
  if (e.vector * 4u + 3 > virt.idtr.limit)
    return raise(vector::GP, e.vector * 8u + kIdt + (by_software(e) ? 0 : kExternal));
  u16 entry[2];
  if (!read(LinearAddr(virt.idtr.base + e.vector * 4u), entry, sizeof entry, false)) return false;
  const u32 old_flags = flags();
  if (!push({old_flags, selector(CS), real().eip + e.instruction_length}, false)) return false;
  set_flags(old_flags & ~(eflags::TF | eflags::IF | eflags::AC | eflags::RF));
  real().seg[CS] = real_mode_segment(entry[1]);
  real().eip = entry[0];
  return true;
}

}  // namespace ringside
