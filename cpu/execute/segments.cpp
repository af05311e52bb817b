// Instructions that load, store or inspect segment registers and selectors.
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

/// CS and SS show the ring that the processor is really in; the other selectors are what the guest put there.
bool may_show(Core& c, unsigned seg, u16 opcode, u8 reg) {
  return (seg != CS && seg != SS) || sensitive(c, opcode, reg);
}

/// Nothing of this group exists in real and virtual-8086 mode.
bool needs_protected_mode(Core& c) {
  if (!c.s.protected_mode() || c.s.virtual_8086()) return c.raise(vector::UD);
  return true;
}

bool load(Core& c, Seg seg, u16 selector) {
  if (!load_segment(c, seg, selector)) return false;
  if (seg == SS) c.s.mov_ss_shadow = true;
  return true;
}

bool mov_to_segment(Insn& i, Core& c) {
  if (i.d == CS || i.d > GS) return c.raise(vector::UD);
  u16 selector;
  return load_rm<u16>(i, c, i.s, selector) && load(c, static_cast<Seg>(i.d), selector);
}

/// To a register the whole operand size is written; to memory always 16 bits.
template <class T>
bool mov_from_segment(Insn& i, Core& c) {
  if (i.s > GS) return c.raise(vector::UD);
  if (!may_show(c, i.s, 0x8C, i.s)) return false;
  const u16 selector = c.s.seg[i.s].selector;
  if (i.memory()) return store_general<u16>(&i, &c, selector);
  set_register<T>(&c, i.d, selector);
  return true;
}

/// A 32-bit push of a selector moves ESP by four and writes two bytes.
template <u8 seg, class T>
bool push_segment(Insn& i, Core& c) {
  (void)i;
  constexpr u16 kOpcode[6] = {0x06, 0x0E, 0x16, 0x1E, 0x0FA0, 0x0FA8};
  if (!may_show(c, seg, kOpcode[seg], 0)) return false;
  const u32 sp = (c.s.gpr[ESP] - sizeof(T)) & stack_mask(c);
  if (!store_at<u16>(c, SS, sp, c.s.seg[seg].selector)) return false;
  set_stack_pointer(c, sp);
  return true;
}

template <u8 seg, class T>
bool pop_segment(Insn&, Core& c) {
  u16 selector;
  if (!peek_stack<u16>(c, selector)) return false;
  const u32 before = c.s.gpr[ESP];
  release_stack(c, sizeof(T));
  if (load(c, static_cast<Seg>(seg), selector)) return true;
  c.s.gpr[ESP] = before;
  return false;
}

template <u8 seg, class T>
bool load_far_pointer(Insn& i, Core& c) {
  const u32 offset = effective_offset(i, c);
  const Seg through = static_cast<Seg>(i.segment());
  T pointer;
  u16 selector;
  if (!load_at<T>(c, through, offset, pointer)) return false;
  if (!load_at<u16>(c, through, i.address16() ? (offset + sizeof(T)) & 0xFFFF : offset + sizeof(T), selector))
    return false;
  if (!load(c, static_cast<Seg>(seg), selector)) return false;
  if (seg == SS) c.s.mov_ss_shadow = false;  // LSS moves ESP itself
  set_register<T>(&c, i.d, pointer);
  return true;
}

// ---- inspecting descriptors

void set_zf(Core& c, bool z) {
  c.s.eflags = z ? c.s.eflags | eflags::ZF : c.s.eflags & ~eflags::ZF;
  reload_flags(c);
}

template <bool limit, class T>
bool lar_lsl(Insn& i, Core& c) {
  if (!needs_protected_mode(c)) return false;
  if (!sensitive(c, limit ? 0x0F03 : 0x0F02, 0)) return false;
  u16 selector;
  if (!load_rm<u16>(i, c, i.s, selector)) return false;
  u32 value = 0;
  bool ok = false;
  if (!(limit ? lsl(c, selector, value, ok) : lar(c, selector, value, ok))) return false;
  if (ok) set_register<T>(&c, i.d, static_cast<T>(value));
  set_zf(c, ok);
  return true;
}

template <bool write>
bool verify(Insn& i, Core& c) {
  if (!needs_protected_mode(c)) return false;
  if (!sensitive(c, 0x0F00, write ? 5 : 4)) return false;
  u16 selector;
  bool ok = false;
  if (!load_rm<u16>(i, c, i.d, selector) || !verify_segment(c, selector, write, ok)) return false;
  set_zf(c, ok);
  return true;
}

bool arpl(Insn& i, Core& c) {
  if (!needs_protected_mode(c)) return false;
  u16 a;
  if (!update_rm<u16>(i, c, i.d, a)) return false;
  const u16 rpl = get_register<u16>(&c, i.s) & 3;
  const bool adjust = (a & 3) < rpl;
  if (adjust && !write_back_rm<u16>(i, c, i.d, static_cast<u16>((a & ~3) | rpl))) return false;
  set_zf(c, adjust);
  return true;
}

// ---- system segments

template <bool tr>
bool load_selector(Insn& i, Core& c) {
  if (!needs_protected_mode(c)) return false;
  u16 selector;
  if (!load_rm<u16>(i, c, i.d, selector)) return false;
  const u8 length = static_cast<u8>(i.length());
  return tr ? load_tr(c, selector, length) : load_ldtr(c, selector, length);
}

template <bool tr, class T>
bool store_selector(Insn& i, Core& c) {
  u16 selector;
  if (!store_system_selector(c, tr, selector, static_cast<u8>(i.length()))) return false;
  if (i.memory()) return store_general<u16>(&i, &c, selector);
  set_register<T>(&c, i.d, selector);
  return true;
}

template <u8 seg>
Handler push_of(const Decoded& d) {
  return d.operand32 ? looking<push_segment<seg, u32>> : looking<push_segment<seg, u16>>;
}
template <u8 seg>
Handler pop_of(const Decoded& d) {
  return d.operand32 ? system_step<pop_segment<seg, u32>> : system_step<pop_segment<seg, u16>>;
}
template <u8 seg>
Handler far_pointer_of(const Decoded& d) {
  return d.operand32 ? system_step<load_far_pointer<seg, u32>> : system_step<load_far_pointer<seg, u16>>;
}

}  // namespace

Handler select_mov_to_segment(const Decoded&) { return system_step<mov_to_segment>; }
Handler select_mov_from_segment(const Decoded& d) {
  return d.operand32 ? looking<mov_from_segment<u32>> : looking<mov_from_segment<u16>>;
}
Handler select_push_segment(const Decoded& d) {
  switch (d.row->argument) {
    case ES: return push_of<ES>(d);
    case CS: return push_of<CS>(d);
    case SS: return push_of<SS>(d);
    case DS: return push_of<DS>(d);
    case FS: return push_of<FS>(d);
    default: return push_of<GS>(d);
  }
}
Handler select_pop_segment(const Decoded& d) {
  switch (d.row->argument) {
    case ES: return pop_of<ES>(d);
    case SS: return pop_of<SS>(d);
    case DS: return pop_of<DS>(d);
    case FS: return pop_of<FS>(d);
    default: return pop_of<GS>(d);
  }
}
Handler select_load_far_pointer(const Decoded& d) {
  switch (d.row->argument) {
    case ES: return far_pointer_of<ES>(d);
    case SS: return far_pointer_of<SS>(d);
    case DS: return far_pointer_of<DS>(d);
    case FS: return far_pointer_of<FS>(d);
    default: return far_pointer_of<GS>(d);
  }
}
Handler select_lar(const Decoded& d) {
  return d.operand32 ? looking<lar_lsl<false, u32>> : looking<lar_lsl<false, u16>>;
}
Handler select_lsl(const Decoded& d) {
  return d.operand32 ? looking<lar_lsl<true, u32>> : looking<lar_lsl<true, u16>>;
}
Handler select_verify(const Decoded& d) {
  return d.row->argument ? looking<verify<true>> : looking<verify<false>>;
}
Handler select_arpl(const Decoded&) { return looking<arpl>; }
Handler select_load_selector(const Decoded& d) {
  return d.row->argument ? system_step<load_selector<true>> : system_step<load_selector<false>>;
}
Handler select_store_selector(const Decoded& d) {
  if (d.row->argument)
    return d.operand32 ? looking<store_selector<true, u32>> : looking<store_selector<true, u16>>;
  return d.operand32 ? looking<store_selector<false, u32>> : looking<store_selector<false, u16>>;
}

}  // namespace ringside
