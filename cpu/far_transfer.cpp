// Far jumps, calls and returns: direct, through call gates, to tasks, to inner and outer rings.
//
// Modelled: all checks with the manual's faults and error codes, in its order; conforming code; call gates
// of both sizes with stack switch and parameter copy.
// In a de-privileged guest whatever would pass into ring 0, or switch tasks, enters the monitor as #GP with
// the selector's error code.
// Manual: Intel SDM vol. 2 (JMP, CALL, RET), vol. 3 section 5.8.
#include "cpu/descriptor_access.h"
#include "cpu/stack_frame.h"

namespace ringside {
namespace {

bool real_like(const CpuState& s) { return !s.protected_mode() || s.virtual_8086(); }

void enter_code(CpuState& s, u16 selector, const Slot& slot, u32 eip) {
  s.seg[CS] = segment_register(selector, slot.d);
  s.eip = eip;
}

/// Whether CPL may jump or call straight to the code segment; raises if not.
bool check_direct_code(Core& core, u16 selector, const Slot& slot) {
  const u32 cpl = core.s.cpl(), dpl = slot.d.dpl(), error = selector_error(selector);
  const bool allowed = slot.conforming() ? dpl <= cpl : (selector & 3u) <= cpl && dpl == cpl;
  if (!allowed) return core.raise(vector::GP, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  return true;
}

u16 with_rpl(u16 selector, u32 rpl) { return static_cast<u16>((selector & ~3u) | rpl); }

/// A gate or TSS descriptor must be accessible from CPL and RPL, and (gates) present.
bool check_system_target(Core& core, u16 selector, const Slot& slot) {
  if (slot.d.dpl() < core.s.cpl() || slot.d.dpl() < (selector & 3u))
    return core.raise(vector::GP, selector_error(selector));
  return true;
}

bool enter_monitor(Core& core, u16 selector) {
  const Event event{vector::GP, EventType::HardwareException, true, selector_error(selector)};
  return core.exit(exits::MonitorEntry{event, 0});
}

bool switch_to_task(Core& core, u16 selector, const Slot& slot, TaskSwitchSource source, u32 return_eip) {
  u16 tss = selector;
  if (slot.d.type() == system_type::kTaskGate) {
    if (!slot.d.present()) return core.raise(vector::NP, selector_error(selector));
    tss = gate_selector(slot.d);
  }
  if (core.deprivileged) return enter_monitor(core, selector);
  return task_switch(core, tss, source, std::nullopt, return_eip);
}

bool is_task(const Slot& slot) {
  const u32 type = slot.d.type();
  return !slot.d.s() &&
         (type == system_type::kTaskGate || (type & ~(system_type::k32 | system_type::kBusy)) == 1);
}
bool is_call_gate(const Slot& slot) { return !slot.d.s() && (slot.d.type() & ~system_type::k32) == 4; }

/// The code segment that a call gate leads to.
bool fetch_gate_target(Core& core, u16 gate, const Slot& slot, Slot& target) {
  if (!slot.d.present()) return core.raise(vector::NP, selector_error(gate));
  const u16 selector = gate_selector(slot.d);
  const u32 error = selector_error(selector);
  if (null_selector(selector)) return core.raise(vector::GP, 0);
  if (!fetch_descriptor(core, selector, vector::GP, 0, target)) return false;
  if (!target.code() || target.d.dpl() > core.s.cpl()) return core.raise(vector::GP, error);
  return true;
}

bool check_eip(Core& core, const Slot& code, u32 eip) {
  return eip <= code.d.limit() || core.raise(vector::GP, 0);
}

/// Pushes the return address on the current stack and goes.
bool call_same_ring(Core& core, u16 selector, Slot& slot, u32 eip, bool wide, u32 return_eip) {
  CpuState& s = core.s;
  StackFrame frame(core);
  if (!frame.room(2, wide) || !check_eip(core, slot, eip)) return false;
  if (!frame.push(s.seg[CS].selector, wide) || !frame.push(return_eip, wide)) return false;
  if (!mark_accessed(core, slot)) return false;
  const u32 cpl = s.cpl();
  s.gpr[ESP] = frame.esp();
  enter_code(s, with_rpl(selector, cpl), slot, eip);
  return true;
}

/// Through a call gate to a more privileged ring: the stack of that ring, with the parameters copied.
bool call_inner_ring(Core& core, const Descriptor& gate, Slot& target, u32 return_eip) {
  CpuState& s = core.s;
  const u32 ring = target.d.dpl(), eip = gate_offset(gate), parameters = gate.high & 31;
  const bool wide = gate.type() & system_type::k32;
  if (core.deprivileged && ring == 0) return enter_monitor(core, gate_selector(gate));

  u16 ss;
  u32 esp;
  Slot stack;
  if (!read_inner_stack(core, ring, 0, ss, esp) || !fetch_stack_segment(core, ss, ring, vector::TS, 0, stack))
    return false;
  const SegmentRegister new_ss = segment_register(ss, stack.d);
  StackFrame old_frame(core), frame(core, new_ss, esp, false, selector_error(ss));
  if (!frame.room(4 + parameters, wide) || !check_eip(core, target, eip)) return false;

  std::array<u32, 31> copied;
  for (u32 i = 0; i < parameters; i++)
    if (!old_frame.pop(copied[i], wide)) return false;
  if (!frame.push(s.seg[SS].selector, wide) || !frame.push(s.gpr[ESP], wide)) return false;
  for (u32 i = parameters; i-- > 0;)
    if (!frame.push(copied[i], wide)) return false;
  if (!frame.push(s.seg[CS].selector, wide) || !frame.push(return_eip, wide)) return false;
  if (!mark_accessed(core, stack) || !mark_accessed(core, target)) return false;
  set_stack(s, segment_register(ss, stack.d), frame.esp());
  enter_code(s, with_rpl(gate_selector(gate), ring), target, eip);
  return true;
}

}  // namespace

bool far_jump(Core& core, u16 selector, u32 offset, bool operand32, u32 return_eip) {
  CpuState& s = core.s;
  if (!operand32) offset &= 0xFFFF;
  if (real_like(s)) {
    if (!check_real_mode_eip(core, offset)) return false;
    load_real_mode_segment(core, CS, selector);
    s.eip = offset;
    return true;
  }
  if (null_selector(selector)) return core.raise(vector::GP, 0);
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
  if (slot.code()) {
    if (!check_direct_code(core, selector, slot) || !check_eip(core, slot, offset)) return false;
    if (!mark_accessed(core, slot)) return false;
    enter_code(s, with_rpl(selector, s.cpl()), slot, offset);
    return true;
  }
  const bool gate = is_call_gate(slot);
  if (!gate && !is_task(slot)) return core.raise(vector::GP, selector_error(selector));
  if (!check_system_target(core, selector, slot)) return false;
  if (!gate) return switch_to_task(core, selector, slot, TaskSwitchSource::Jump, return_eip);

  // A jump through a gate cannot change the ring.
  Slot target;
  if (!fetch_gate_target(core, selector, slot, target)) return false;
  const u16 code = gate_selector(slot.d);
  if (!target.conforming() && target.d.dpl() != s.cpl()) return core.raise(vector::GP, selector_error(code));
  if (!target.d.present()) return core.raise(vector::NP, selector_error(code));
  if (!check_eip(core, target, gate_offset(slot.d)) || !mark_accessed(core, target)) return false;
  enter_code(s, with_rpl(code, s.cpl()), target, gate_offset(slot.d));
  return true;
}

bool far_call(Core& core, u16 selector, u32 offset, bool operand32, u32 return_eip) {
  CpuState& s = core.s;
  if (!operand32) offset &= 0xFFFF;
  if (real_like(s)) {
    StackFrame frame(core);
    if (!frame.room(2, operand32)) return false;
    if (!check_real_mode_eip(core, offset)) return false;
    if (!frame.push(s.seg[CS].selector, operand32) || !frame.push(return_eip, operand32)) return false;
    s.gpr[ESP] = frame.esp();
    load_real_mode_segment(core, CS, selector);
    s.eip = offset;
    return true;
  }
  if (null_selector(selector)) return core.raise(vector::GP, 0);
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
  if (slot.code())
    return check_direct_code(core, selector, slot) &&
           call_same_ring(core, selector, slot, offset, operand32, return_eip);
  const bool gate = is_call_gate(slot);
  if (!gate && !is_task(slot)) return core.raise(vector::GP, selector_error(selector));
  if (!check_system_target(core, selector, slot)) return false;
  if (!gate) return switch_to_task(core, selector, slot, TaskSwitchSource::Call, return_eip);

  Slot target;
  if (!fetch_gate_target(core, selector, slot, target)) return false;
  const u16 code = gate_selector(slot.d);
  if (!target.d.present()) return core.raise(vector::NP, selector_error(code));
  if (!target.conforming() && target.d.dpl() < s.cpl())
    return call_inner_ring(core, slot.d, target, return_eip);
  return call_same_ring(core, code, target, gate_offset(slot.d), slot.d.type() & system_type::k32,
                        return_eip);
}

bool far_return(Core& core, bool operand32, u16 release_bytes) {
  CpuState& s = core.s;
  StackFrame frame(core);
  u32 eip;
  u16 cs;
  if (!frame.holds(2, operand32) || !frame.pop(eip, operand32) || !frame.pop_selector(cs, operand32))
    return false;
  if (real_like(s)) {
    if (!check_real_mode_eip(core, eip)) return false;
    frame.skip(release_bytes);
    s.gpr[ESP] = frame.esp();
    load_real_mode_segment(core, CS, cs);
    s.eip = eip;
    return true;
  }
  Slot code;
  if (!fetch_return_code(core, cs, code)) return false;
  frame.skip(release_bytes);
  const u32 rpl = cs & 3;
  if (rpl == s.cpl()) {
    if (!check_eip(core, code, eip) || !mark_accessed(core, code)) return false;
    s.gpr[ESP] = frame.esp();
    enter_code(s, cs, code, eip);
    return true;
  }
  OuterStack stack;
  if (!stack.pop(core, frame, rpl, operand32) || !check_eip(core, code, eip)) return false;
  if (!mark_accessed(core, code) || !mark_accessed(core, stack.slot)) return false;
  enter_code(s, cs, code, eip);
  stack.esp += release_bytes;  // the parameters lie on both stacks
  stack.enter(s);
  return true;
}

}  // namespace ringside
