// The hardware task switch.
//
// Modelled: 16- and 32-bit TSSs in every combination, busy bits, back link and NT, CR3 and LDT of the new
// task, the checks of SDM vol. 3 table 7-1 with their error codes; faults after the switch belong to the new
// task; the T bit.
// Simplified: the general registers of a 16-bit task get FFFFh in their upper halves.
// Manual: Intel SDM vol. 3 ch. 7; 26.4.2 for non-root operation, where every task switch exits.
#include <cstring>

#include "cpu/descriptor_access.h"
#include "cpu/flags_access.h"
#include "cpu/stack_frame.h"

namespace ringside {
namespace {

/// Where things lie in the two kinds of TSS (SDM vol. 3 figures 7-2 and 7-10).
struct Layout {
  bool wide;
  u32 eip, eflags, registers, segments, segment_stride, ldt, bytes;
  u32 segment_count;
};
constexpr Layout k32{true, 0x20, 0x24, 0x28, 0x48, 4, 0x60, 0x68, 6};
constexpr Layout k16{false, 0x0E, 0x10, 0x12, 0x22, 2, 0x2A, 0x2C, 4};

const Layout& layout(u32 type) { return type & system_type::k32 ? k32 : k16; }

struct Image {
  u32 cr3 = 0, eip = 0, flags = 0;
  std::array<u32, 8> gpr{};
  std::array<u16, 6> selector{};
  u16 ldt = 0;
  bool trap = false;
};

bool read_word(Core& core, u32 at, bool wide, u32& value) {
  if (wide) return read_linear(core, LinearAddr(at), value, false);
  u16 half;
  if (!read_linear(core, LinearAddr(at), half, false)) return false;
  value = half;
  return true;
}
bool write_word(Core& core, u32 at, bool wide, u32 value) {
  return wide ? write_linear<u32>(core, LinearAddr(at), value, false)
              : write_linear<u16>(core, LinearAddr(at), static_cast<u16>(value), false);
}

bool read_image(Core& core, u32 base, const Layout& l, Image& image) {
  if (!read_word(core, base + l.eip, l.wide, image.eip) ||
      !read_word(core, base + l.eflags, l.wide, image.flags))
    return false;
  for (u32 i = 0; i < 8; i++) {
    if (!read_word(core, base + l.registers + i * (l.wide ? 4 : 2), l.wide, image.gpr[i])) return false;
    if (!l.wide) image.gpr[i] |= 0xFFFF0000u;
  }
  for (u32 i = 0; i < l.segment_count; i++)
    if (!read_linear(core, LinearAddr(base + l.segments + i * l.segment_stride), image.selector[i], false))
      return false;
  if (!read_linear(core, LinearAddr(base + l.ldt), image.ldt, false)) return false;
  if (!l.wide) return true;
  u16 trap;
  if (!read_word(core, base + 0x1C, true, image.cr3) ||
      !read_linear(core, LinearAddr(base + 0x64), trap, false))
    return false;
  image.trap = trap & 1;
  return true;
}

bool write_image(Core& core, u32 base, const Layout& l, u32 eip, u32 flags) {
  const CpuState& s = core.s;
  if (!write_word(core, base + l.eip, l.wide, eip) || !write_word(core, base + l.eflags, l.wide, flags))
    return false;
  for (u32 i = 0; i < 8; i++)
    if (!write_word(core, base + l.registers + i * (l.wide ? 4 : 2), l.wide, s.gpr[i])) return false;
  for (u32 i = 0; i < l.segment_count; i++)
    if (!write_linear<u16>(core, LinearAddr(base + l.segments + i * l.segment_stride), s.seg[i].selector,
                           false))
      return false;
  return true;
}

/// Segments of the new task, which is already in charge: a fault here is its own.
bool load_task_ldt(Core& core, u16 selector, u32 ext) {
  CpuState& s = core.s;
  load_null_segment(s.ldtr, selector);
  if (null_selector(selector)) return true;
  const u32 error = selector_error(selector, ext);
  if (selector & 4) return core.raise(vector::TS, error);
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::TS, ext, slot)) return false;
  if (slot.d.s() || slot.d.type() != system_type::kLdt || !slot.d.present())
    return core.raise(vector::TS, error);
  s.ldtr = segment_register(selector, slot.d);
  return true;
}

bool load_task_code(Core& core, u16 selector, u32 ext) {
  const u32 error = selector_error(selector, ext), rpl = selector & 3;
  Slot slot;
  if (null_selector(selector)) return core.raise(vector::TS, error);
  if (!fetch_descriptor(core, selector, vector::TS, ext, slot)) return false;
  if (!slot.code()) return core.raise(vector::TS, error);
  if (slot.conforming() ? slot.d.dpl() > rpl : slot.d.dpl() != rpl) return core.raise(vector::TS, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  if (!mark_accessed(core, slot)) return false;
  core.s.seg[CS] = segment_register(selector, slot.d);
  return true;
}

bool load_task_data(Core& core, Seg seg, u16 selector, u32 cpl, u32 ext) {
  if (null_selector(selector)) return true;
  const u32 error = selector_error(selector, ext), rpl = selector & 3;
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::TS, ext, slot)) return false;
  if (!slot.readable()) return core.raise(vector::TS, error);
  if (!slot.conforming() && (slot.d.dpl() < rpl || slot.d.dpl() < cpl)) return core.raise(vector::TS, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  if (!mark_accessed(core, slot)) return false;
  core.s.seg[seg] = segment_register(selector, slot.d);
  return true;
}

bool load_task_segments(Core& core, const Image& image, u32 ext) {
  CpuState& s = core.s;
  if (s.virtual_8086()) {
    if (!load_task_ldt(core, image.ldt, ext)) return false;
    for (Seg seg : {ES, CS, SS, DS, FS, GS}) load_real_mode_segment(core, seg, image.selector[seg]);
    return true;
  }
  // Until they are loaded, the segments name the new task's selectors and permit nothing; CPL is already that
  // of CS.
  const u32 cpl = image.selector[CS] & 3;
  for (Seg seg : {ES, CS, SS, DS, FS, GS}) load_null_segment(s.seg[seg], image.selector[seg]);
  s.seg[SS].access |= cpl << 5;
  if (!load_task_ldt(core, image.ldt, ext) || !load_task_code(core, image.selector[CS], ext)) return false;
  Slot stack;
  if (!fetch_stack_segment(core, image.selector[SS], cpl, vector::TS, ext, stack) ||
      !mark_accessed(core, stack))
    return false;
  s.seg[SS] = segment_register(image.selector[SS], stack.d);
  for (Seg seg : {DS, ES, FS, GS})
    if (!load_task_data(core, seg, image.selector[seg], cpl, ext)) return false;
  return true;
}

/// Everything after the point of no return.
bool start_task(Core& core, const Image& image, bool wide, std::optional<u32> error_code, u32 ext) {
  CpuState& s = core.s;
  if (!load_task_segments(core, image, ext)) return false;
  if (error_code) {
    StackFrame frame(core, s.seg[SS], s.gpr[ESP], core.user(), ext);
    if (!frame.push(*error_code, wide)) return false;
    s.gpr[ESP] = frame.esp();
  }
  if (s.eip > s.seg[CS].limit) return core.raise(vector::GP, ext);
  if (image.trap) {
    s.dr[6] |= 1u << 15;  // BT
    return core.raise(vector::DB);
  }
  return true;
}

exits::TaskSwitch::Source exit_source(TaskSwitchSource source) {
  switch (source) {
    case TaskSwitchSource::Call: return exits::TaskSwitch::Source::Call;
    case TaskSwitchSource::Iret: return exits::TaskSwitch::Source::Iret;
    case TaskSwitchSource::Jump: return exits::TaskSwitch::Source::Jmp;
    case TaskSwitchSource::Gate: break;
  }
  return exits::TaskSwitch::Source::Gate;
}

}  // namespace

bool task_switch(Core& core, u16 selector, TaskSwitchSource source, std::optional<u32> error_code,
                 u32 return_eip, u32 ext) {
  CpuState& s = core.s;
  const bool back = source == TaskSwitchSource::Iret,
             nested = source == TaskSwitchSource::Call || source == TaskSwitchSource::Gate;
  const u8 bad = back ? vector::TS : vector::GP;
  const u32 error = selector_error(selector, ext);
  Slot target, current;
  if (null_selector(selector) || (selector & 4)) return core.raise(bad, error);
  if (!fetch_descriptor(core, selector, bad, ext, target)) return false;
  const u32 type = target.d.type();
  if (target.d.s() || (type & ~system_type::k32) != (back ? system_type::kTss16Busy : system_type::kTss16))
    return core.raise(bad, error);
  if (!target.d.present()) return core.raise(vector::NP, error);
  const Layout& to = layout(type);
  if (target.d.limit() < to.bytes - 1) return core.raise(vector::TS, error);
  if (core.non_root()) return core.exit(exits::TaskSwitch{selector, exit_source(source)});

  // All that can fault in the old task happens before anything changes.
  const Layout& from = layout(s.tr.type());
  const u32 old_base = s.tr.base, new_base = target.d.base();
  Image image;
  if (!s.tr.usable()) return core.raise(vector::TS, error);
  if (!fetch_descriptor(core, s.tr.selector, vector::TS, ext, current)) return false;
  if (!check_writable(core, LinearAddr(old_base), from.bytes, false) ||
      !check_writable(core, current.at, 8, false) || !check_writable(core, target.at, 8, false) ||
      !read_image(core, new_base, to, image))
    return false;
  if (nested && !check_writable(core, LinearAddr(new_base), 2, false)) return false;

  const u32 saved_flags = s.eflags & ~(back ? eflags::NT : 0);
  if (!write_image(core, old_base, from, return_eip, saved_flags)) return false;
  if (!nested && !set_busy(core, current, false)) return false;
  if (nested && !write_linear<u16>(core, LinearAddr(new_base), s.tr.selector, false)) return false;
  if (!back && !set_busy(core, target, true)) return false;

  core.counters.task_switches++;
  s.tr = segment_register(selector, target.d);
  s.cr0 |= cr0::TS;
  s.dr[7] &= ~0x155u;  // the local enables L0-L3 and LE
  if (to.wide && s.paging()) apply_cr3(core, image.cr3);
  s.eip = image.eip;
  s.eflags =
      (image.flags & existing_flags(core.config.model)) | eflags::kFixedOne | (nested ? eflags::NT : 0);
  if (!to.wide) s.eflags &= 0xFFFF;
  s.gpr = image.gpr;
  if (start_task(core, image, to.wide, error_code, ext)) return true;
  // The fault is the new task's, and EIP is its EIP: whoever delivers an event continues from here (so a #DF
  // can come of it), for an instruction it is delivered now.
  if (source == TaskSwitchSource::Gate || core.fault.kind == Fault::Kind::Exit) return false;
  const Fault fault = core.fault;
  return deliver_event(core, fault.event, fault.cr2);
}

}  // namespace ringside
