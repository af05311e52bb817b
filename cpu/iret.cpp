// IRET in all its forms: real and virtual-8086 mode, to the same or an outer ring, to virtual-8086 mode, to
// the previous task.
// Manual: Intel SDM vol. 2 (IRET), vol. 3 section 20.2.
#include "cpu/descriptor_access.h"
#include "cpu/flags_access.h"
#include "cpu/memo_access.h"
#include "cpu/stack_frame.h"

namespace ringside {
namespace {

/// EFLAGS with the bits of `mask` taken from what was popped; a 16-bit IRET leaves the upper half.
void load_flags(Core& core, u32 image, u32 mask, bool wide) {
  mask &= existing_flags(core.config.model);
  if (!wide) mask &= 0xFFFF;
  core.s.eflags = (core.s.eflags & ~mask) | (image & mask) | eflags::kFixedOne;
}

bool return_real(Core& core, bool wide) {
  CpuState& s = core.s;
  StackFrame frame(core);
  u32 eip, flags;
  u16 cs;
  if (!frame.holds(3, wide) || !frame.pop(eip, wide) || !frame.pop_selector(cs, wide) ||
      !frame.pop(flags, wide))
    return false;
  if (!check_real_mode_eip(core, eip)) return false;
  s.gpr[ESP] = frame.esp();
  load_real_mode_segment(core, CS, cs);
  s.eip = eip;
  const u32 kept = eflags::VM | eflags::VIF | eflags::VIP | (s.virtual_8086() ? eflags::IOPL : 0);
  load_flags(core, flags, ~kept, wide);
  return true;
}

bool return_to_task(Core& core, u32 return_eip) {
  u16 back;
  if (!core.s.tr.usable()) return core.raise(vector::TS, 0);
  if (!read_linear(core, LinearAddr(core.s.tr.base), back, false)) return false;
  if (core.deprivileged) {
    const Event event{vector::TS, EventType::HardwareException, true, selector_error(back)};
    return core.exit(exits::MonitorEntry{event, 0});
  }
  return task_switch(core, back, TaskSwitchSource::Iret, std::nullopt, return_eip);
}

bool return_to_v86(Core& core, StackFrame& frame, u32 eip, u16 cs, u32 flags) {
  CpuState& s = core.s;
  u32 esp;
  std::array<u16, 6> selector{};
  selector[CS] = cs;
  if (!frame.holds(6, true) || !frame.pop(esp, true)) return false;
  for (Seg seg : {SS, ES, DS, FS, GS})
    if (!frame.pop_selector(selector[seg], true)) return false;
  if (eip > 0xFFFF) return core.raise(vector::GP, 0);
  load_flags(core, flags, ~(eflags::VIF | eflags::VIP), true);
  s.gpr[ESP] = esp;
  for (Seg seg : {ES, CS, SS, DS, FS, GS}) load_real_mode_segment(core, seg, selector[seg]);
  s.eip = eip;
  return true;
}

/// To the same or an outer ring, or out of ring 0 into virtual-8086 mode.
bool return_protected(Core& core, bool operand32) {
  CpuState& s = core.s;
  StackFrame frame(core);
  u32 eip, flags;
  u16 cs;
  if (!frame.holds(3, operand32) || !frame.pop(eip, operand32) || !frame.pop_selector(cs, operand32) ||
      !frame.pop(flags, operand32))
    return false;
  if (!sensitive_iret(core, flags)) return false;
  if (operand32 && (flags & eflags::VM) && s.cpl() == 0) return return_to_v86(core, frame, eip, cs, flags);
  Slot code;
  if (!fetch_return_code(core, cs, code)) return false;
  const u32 rpl = cs & 3, cpl = s.cpl(), mask = changeable_flags(s);
  const bool outer = rpl != cpl;
  OuterStack stack;
  if (outer && !stack.pop(core, frame, rpl, operand32)) return false;
  if (eip > code.d.limit()) return core.raise(vector::GP, 0);
  if (!mark_accessed(core, code) || (outer && !mark_accessed(core, stack.slot))) return false;

  s.seg[CS] = segment_register(cs, code.d);
  s.eip = eip;
  load_flags(core, flags, mask, operand32);
  if (outer)
    stack.enter(s);
  else
    s.gpr[ESP] = frame.esp();
  if (operand32) remember_return(core, cpl, code, outer ? &stack.slot : nullptr);
  return true;
}

}  // namespace

bool iret(Core& core, bool operand32, u32 return_eip) {
  const CpuState& s = core.s;
  bool done;
  if (!s.protected_mode())
    done = return_real(core, operand32);
  else if (s.virtual_8086())
    done = iopl(s) == 3 ? return_real(core, operand32) : core.raise(vector::GP, 0);
  else
    done = s.eflags & eflags::NT ? return_to_task(core, return_eip) : return_protected(core, operand32);
  if (done) core.counters.irets++;
  return done;
}

}  // namespace ringside
