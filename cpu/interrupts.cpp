// Delivering events through the IDT.
//
// Modelled: real-mode vectors; interrupt and trap gates of both sizes from protected and virtual-8086 mode,
// with stack switch by the TSS; task gates; error codes with their EXT and IDT bits; the ladder contributory
// fault -> double fault -> shutdown; what VMX non-root operation intercepts.
// In a de-privileged guest an event whose gate leads to ring 0 leaves as exits::MonitorEntry, with the state
// as it was.
// Simplified: no virtual-8086 mode extensions (CR4.VME). A benign fault whose delivery brings it up again,
// for ever
// (#AC at a handler in ring 3 with a misaligned stack), hangs real processors; here it is a shutdown.
// Manual: Intel SDM vol. 3 ch. 6 (above all 6.12, 6.13, 6.15 and table 6-5), 20 (real mode, virtual-8086),
// 25.6.3 and 26.2 (exception bitmap), 28.2.4 (IDT vectoring); vol. 2 (INT n).
#include "cpu/flags_access.h"
#include "cpu/memo_access.h"
#include "cpu/noted_core.h"
#include "cpu/stack_frame.h"

namespace ringside {
namespace {

bool software(const Event& e) {
  return e.type == EventType::SoftwareInterrupt || e.type == EventType::SoftwareException;
}

/// Bit 0 of error codes: the event did not come from an instruction that asked for it.
u32 ext_bit(const Event& e) { return software(e) ? 0 : 1; }

/// What an IDT gate and its target settle before anything is pushed.
struct Route {
  Descriptor gate;
  Slot code;
  u16 selector = 0;
};

void leave_flags(CpuState& s, bool interrupt_gate) {
  s.eflags &= ~(eflags::TF | eflags::NT | eflags::RF | eflags::VM | (interrupt_gate ? eflags::IF : 0));
}

u32 pushed_flags(const CpuState& s, const Event& e) { return s.eflags | (fault_class(e) ? eflags::RF : 0); }

/// The return address, flags and error code, on a frame with room for them.
bool push_return(Core& core, StackFrame& frame, const Event& e, bool wide) {
  const CpuState& s = core.s;
  return frame.push(pushed_flags(s, e), wide) && frame.push(s.seg[CS].selector, wide) &&
         frame.push(s.eip + e.instruction_length, wide) &&
         (!e.has_error_code || frame.push(e.error_code, wide));
}

bool deliver_real(Core& core, const Event& e) {
  CpuState& s = core.s;
  const u32 at = e.vector * 4u;
  if (at + 3 > s.idtr.limit) return core.raise(vector::GP, at * 2 + 2 + ext_bit(e));
  u32 target;
  if (!read_linear(core, LinearAddr(s.idtr.base + at), target, false)) return false;
  StackFrame frame(core);
  if (!frame.room(3, false) || !frame.push(s.eflags, false) || !frame.push(s.seg[CS].selector, false) ||
      !frame.push(s.eip + e.instruction_length, false))
    return false;
  s.gpr[ESP] = frame.esp();
  load_real_mode_segment(core, CS, static_cast<u16>(target >> 16));
  s.eip = target & 0xFFFF;
  s.eflags &= ~(eflags::IF | eflags::TF | eflags::RF | eflags::AC);
  return true;
}

/// Reads and checks the gate. A task gate has no code segment: the caller looks at the gate's type.
bool find_route(Core& core, const Event& e, Route& route) {
  const CpuState& s = core.s;
  const u32 ext = ext_bit(e), error = e.vector * 8u + 2 + ext;
  if (e.vector * 8u + 7 > s.idtr.limit) return core.raise(vector::GP, error);
  u64 raw;
  if (!read_linear(core, LinearAddr(s.idtr.base + e.vector * 8u), raw, false)) return false;
  route.gate = {static_cast<u32>(raw), static_cast<u32>(raw >> 32)};
  const u32 type = route.gate.type();
  const bool known = !route.gate.s() && (type == system_type::kTaskGate || (type & 6) == 6);
  if (!known) return core.raise(vector::GP, error);
  if (software(e) && route.gate.dpl() < s.cpl()) return core.raise(vector::GP, error);
  if (!route.gate.present()) return core.raise(vector::NP, error);
  route.selector = gate_selector(route.gate);
  if (type == system_type::kTaskGate) return true;

  const u32 code_error = selector_error(route.selector, ext);
  if (null_selector(route.selector)) return core.raise(vector::GP, ext);
  if (!fetch_descriptor(core, route.selector, vector::GP, ext, route.code)) return false;
  if (!route.code.code() || route.code.d.dpl() > s.cpl()) return core.raise(vector::GP, code_error);
  if (!route.code.d.present()) return core.raise(vector::NP, code_error);
  return true;
}

bool check_entry_point(Core& core, const Route& route, u32 ext) {
  return gate_offset(route.gate) <= route.code.d.limit() || core.raise(vector::GP, ext);
}

void enter_handler(Core& core, const Route& route, u32 cpl) {
  CpuState& s = core.s;
  leave_flags(s, !(route.gate.type() & 1));
  s.seg[CS] = segment_register(static_cast<u16>((route.selector & ~3u) | cpl), route.code.d);
  s.eip = gate_offset(route.gate);
}

bool deliver_same_ring(Core& core, const Event& e, Route& route) {
  CpuState& s = core.s;
  const u32 ext = ext_bit(e), cpl = s.cpl();
  const bool wide = route.gate.type() & system_type::k32;
  StackFrame frame(core, s.seg[SS], s.gpr[ESP], core.user(), ext);
  if (!frame.room(e.has_error_code ? 4 : 3, wide) || !check_entry_point(core, route, ext)) return false;
  if (!push_return(core, frame, e, wide) || !mark_accessed(core, route.code)) return false;
  s.gpr[ESP] = frame.esp();
  enter_handler(core, route, cpl);
  remember_gate(core, e, cpl, route.gate, route.code, nullptr);
  return true;
}

/// To a more privileged ring: a new stack; from virtual-8086 mode also the data segments, which become null.
bool deliver_inner_ring(Core& core, const Event& e, Route& route) {
  CpuState& s = core.s;
  const u32 ext = ext_bit(e), cpl = s.cpl(), ring = route.code.d.dpl();
  const bool wide = route.gate.type() & system_type::k32, from_v86 = s.virtual_8086();
  u16 ss;
  u32 esp;
  Slot stack;
  if (!read_inner_stack(core, ring, ext, ss, esp) ||
      !fetch_stack_segment(core, ss, ring, vector::TS, ext, stack))
    return false;
  StackFrame frame(core, segment_register(ss, stack.d), esp, false, selector_error(ss, ext));
  const u32 words = 5 + (e.has_error_code ? 1 : 0) + (from_v86 ? 4 : 0);
  if (!frame.room(words, wide) || !check_entry_point(core, route, ext)) return false;
  if (from_v86)
    for (Seg seg : {GS, FS, DS, ES})
      if (!frame.push(s.seg[seg].selector, wide)) return false;
  if (!frame.push(s.seg[SS].selector, wide) || !frame.push(s.gpr[ESP], wide) ||
      !push_return(core, frame, e, wide))
    return false;
  if (!mark_accessed(core, route.code) || !mark_accessed(core, stack)) return false;

  enter_handler(core, route, ring);
  set_stack(s, segment_register(ss, stack.d), frame.esp());
  if (from_v86)
    for (Seg seg : {GS, FS, DS, ES}) load_null_segment(s.seg[seg], 0);
  else
    remember_gate(core, e, cpl, route.gate, route.code, &stack);
  return true;
}

bool deliver_protected(Core& core, const Event& e, u32 cr2) {
  CpuState& s = core.s;
  Route route;
  if (!find_route(core, e, route)) return false;
  const bool task = route.gate.type() == system_type::kTaskGate;
  if (core.deprivileged && (task || route.code.d.dpl() == 0)) return core.exit(exits::MonitorEntry{e, cr2});
  if (task) {
    const auto error = e.has_error_code ? std::optional<u32>(e.error_code) : std::nullopt;
    return task_switch(core, route.selector, TaskSwitchSource::Gate, error, s.eip + e.instruction_length,
                       ext_bit(e));
  }
  const bool inner = !route.code.conforming() && route.code.d.dpl() < s.cpl();
  if (s.virtual_8086() && (!inner || route.code.d.dpl() != 0))
    return core.raise(vector::GP, selector_error(route.selector, ext_bit(e)));
  return inner ? deliver_inner_ring(core, e, route) : deliver_same_ring(core, e, route);
}

/// One attempt: delivered, or core.fault says what came up instead.
bool attempt(Core& core, const Event& e, u32 cr2) {
  // In a de-privileged guest CR2 belongs to the monitor until the event is known not to be the monitor's.
  const bool page_fault = e.type == EventType::HardwareException && e.vector == vector::PF;
  if (page_fault && !core.deprivileged) core.s.cr2 = cr2;
  if (!core.s.protected_mode()) return deliver_real(core, e);
  if (!deliver_protected(core, e, cr2)) return false;
  if (page_fault) core.s.cr2 = cr2;
  return true;
}

void count(CpuCounters& counters, const Event& e) {
  switch (e.type) {
    case EventType::ExternalInterrupt: counters.external_interrupts++; break;
    case EventType::SoftwareInterrupt:
    case EventType::SoftwareException: counters.software_interrupts++; break;
    default: (e.vector == vector::PF ? counters.page_faults : counters.exceptions)++;
  }
}

void delivered(Core& core, const Event& e) {
  count(core.counters, e);
  core.s.halted = core.s.sti_shadow = core.s.mov_ss_shadow = false;
}

/// SDM vol. 3 table 6-5.
enum class Severity { Benign, Contributory, PageFault, DoubleFault };
Severity severity(const Event& e) {
  if (e.type != EventType::HardwareException) return Severity::Benign;
  switch (e.vector) {
    case vector::DE:
    case vector::TS:
    case vector::NP:
    case vector::SS:
    case vector::GP: return Severity::Contributory;
    case vector::PF: return Severity::PageFault;
    case vector::DF: return Severity::DoubleFault;
    default: return Severity::Benign;
  }
}
bool makes_double_fault(Severity first, Severity second) {
  return (first == Severity::Contributory && second == Severity::Contributory) ||
         (first == Severity::PageFault && second != Severity::Benign);
}

/// Whether non-root operation takes the event away (SDM vol. 3 section 26.2).
bool intercepted(const Core& core, const Event& e) {
  if (!core.non_root()) return false;
  const Vmcs& vmcs = *core.vmcs;
  if (e.type == EventType::ExternalInterrupt) return vmcs.external_interrupt_exiting;
  if (e.type == EventType::SoftwareInterrupt || e.vector >= 32) return false;
  const bool selected = vmcs.exception_bitmap >> e.vector & 1;
  if (e.vector != vector::PF || e.type != EventType::HardwareException) return selected;
  const bool match = (e.error_code & vmcs.page_fault_error_code_mask) == vmcs.page_fault_error_code_match;
  return selected == match;
}

bool exit_for(Core& core, const Event& e, u32 cr2) {
  if (e.type == EventType::ExternalInterrupt) return core.exit(exits::ExternalInterrupt{});
  return core.exit(exits::ExceptionOrNmi{e, cr2});
}

bool deliver(Core& core, Event event, u32 cr2, bool may_intercept) {
  constexpr int kMostNested = 16;
  const Event first = event;
  const u32 first_cr2 = cr2;
  std::optional<Event> interrupted;  // the event during whose delivery `event` came up
  for (int nested = 0; nested < kMostNested; ++nested) {
    if (may_intercept && intercepted(core, event)) {
      if (event.vector != vector::DF) core.vmcs->idt_vectoring = interrupted;
      return exit_for(core, event, cr2);
    }
    may_intercept = true;
    core.fault.kind = Fault::Kind::None;
    if (attempt(core, event, cr2)) {
      delivered(core, event);
      if (event.vector == vector::DB && event.type == EventType::HardwareException)
        core.s.dr[7] &= ~0x2000u;  // GD
      return true;
    }
    if (core.fault.kind == Fault::Kind::Exit) {
      if (core.non_root()) core.vmcs->idt_vectoring = event;
      return false;
    }
    const Event second = core.fault.event;
    // What the monitor asked for exits as it is: whether the two make a double fault is its decision then.
    if (intercepted(core, second)) {
      core.vmcs->idt_vectoring = event;
      return exit_for(core, second, core.fault.cr2);
    }
    if (severity(event) == Severity::DoubleFault && severity(second) != Severity::Benign) {
      notes(core).shutdown = {first, first_cr2, second, core.fault.cr2};
      return core.exit(exits::TripleFault{});
    }
    interrupted = event;
    cr2 = core.fault.cr2;
    const bool doubled = makes_double_fault(severity(event), severity(second));
    if (doubled && second.vector == vector::PF && !core.deprivileged) core.s.cr2 = cr2;
    event = doubled ? Event{vector::DF, EventType::HardwareException, true, 0} : second;
  }
  notes(core).shutdown = {first, first_cr2, event, cr2};
  return core.exit(exits::TripleFault{});
}

}  // namespace

bool deliver_event(Core& core, const Event& event, u32 cr2) {
  if (!intercepted(core, event) && deliver_by_memo(core, event, cr2)) {
    delivered(core, event);
    return true;
  }
  return deliver(core, event, cr2, true);
}

bool deliver_injected(Core& core, const Event& event) { return deliver(core, event, core.s.cr2, false); }

bool software_interrupt(Core& core, u8 vector, EventType type, u8 instruction_length) {
  // Only INT n depends on IOPL in virtual-8086 mode, not INT3, INTO, INT1.
  if (core.s.virtual_8086() && type == EventType::SoftwareInterrupt &&
      (core.s.eflags & eflags::IOPL) != eflags::IOPL)
    return core.raise(vector::GP, 0);
  return deliver_event(core, Event{vector, type, false, 0, instruction_length}, 0);
}

}  // namespace ringside
