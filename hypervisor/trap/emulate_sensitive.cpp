// The instructions of Robin & Irvine's list: they look at, or change, what a guest must not see or have for
// itself, and a real x86 executes them without a fault in any ring. A virtualizable one lets them trap, and
// this is what follows.
#include "hypervisor/trap/emulate_privileged.h"
#include "hypervisor/trap/operands.h"

namespace ringside::emulation {

Outcome pushf(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (g.virtual_8086() && g.iopl() < 3) return general_protection(g);
  return finish(g, g.push({g.flags() & ~(eflags::VM | eflags::RF)}, d.operand32), d.length);
}

Outcome popf(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u32 cpl = g.cpl(), old = g.flags();
  if (g.virtual_8086() && g.iopl() < 3) return general_protection(g);
  u32 image[1];
  if (!g.peek_stack(image, d.operand32)) return finish(g, false, 0);
  u32 changeable = eflags::kArithmetic | eflags::TF | eflags::DF | eflags::NT;
  if (d.operand32) changeable |= eflags::AC | eflags::ID;
  if (cpl <= g.iopl()) changeable |= eflags::IF;
  if (cpl == 0) changeable |= eflags::IOPL;
  g.release_stack(d.operand32 ? 4 : 2);
  g.set_flags((old & ~changeable & ~eflags::RF) | (image[0] & changeable));
  return Outcome::advance(d.length);
}

Outcome smsw(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  return finish(g, store_word(g, d, g.virt.cr0), d.length);
}

Outcome store_table(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const TableRegister& t = d.reg == 0 ? g.virt.gdtr : g.virt.idtr;
  u8 bytes[6];
  std::memcpy(bytes, &t.limit, 2);
  std::memcpy(bytes + 2, &t.base, 4);
  return finish(g, write_memory(g, d, bytes, sizeof bytes), d.length);
}

Outcome store_selector(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const SegmentRegister& s = d.reg == 0 ? g.virt.ldtr : g.virt.tr;
  return finish(g, store_word(g, d, s.selector), d.length);
}

// ---- asking about a selector

namespace {

constexpr u32 kTypesForLar = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 11 | 1u << 12;
constexpr u32 kTypesForLsl = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11;

/// The guest's descriptor if the guest may see it. `system_types` are the system descriptors that count.
/// False: a page fault; `visible` says the rest.
bool look_up(TrapGuest& g, u16 selector, u32 system_types, Descriptor& found, bool& visible) {
  LinearAddr where;
  visible = false;
  if (!g.read_descriptor(selector, vector::GP, found, where)) return g.fault.event.vector == vector::GP;
  const bool conforming_code = found.s() && (found.type() & 12) == 12;
  const bool reachable =
      conforming_code || (g.cpl() <= found.dpl() && static_cast<u32>(selector & 3) <= found.dpl());
  visible = reachable && (found.s() || system_types >> found.type() & 1);
  return true;
}

void set_zero_flag(TrapGuest& g, bool on) {
  g.real().eflags = (g.real().eflags & ~eflags::ZF) | (on ? eflags::ZF : 0);
}

}  // namespace

Outcome lar(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u16 selector;
  Descriptor found;
  bool visible;
  if (!read_word(g, d, selector) || !look_up(g, selector, kTypesForLar, found, visible))
    return finish(g, false, 0);
  if (visible) set_register(g, d.reg, d.operand32 ? 4 : 2, found.high & 0x00F0FF00);
  set_zero_flag(g, visible);
  return Outcome::advance(d.length);
}

Outcome lsl(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u16 selector;
  Descriptor found;
  bool visible;
  if (!read_word(g, d, selector) || !look_up(g, selector, kTypesForLsl, found, visible))
    return finish(g, false, 0);
  if (visible) set_register(g, d.reg, d.operand32 ? 4 : 2, found.limit());
  set_zero_flag(g, visible);
  return Outcome::advance(d.length);
}

Outcome verify(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u16 selector;
  Descriptor found;
  bool visible;
  if (!read_word(g, d, selector) || !look_up(g, selector, 0, found, visible)) return finish(g, false, 0);
  const bool code = found.type() & 8, right = found.type() & 2;
  const bool permitted = d.reg == 4 ? !code || right : !code && right;
  set_zero_flag(g, visible && permitted);
  return Outcome::advance(d.length);
}

// ---- reading a segment register: CS and SS show the ring

Outcome mov_from_segment(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (d.reg > GS) return finish(g, g.raise(vector::UD), 0);
  return finish(g, store_word(g, d, g.selector(static_cast<Seg>(d.reg))), d.length);
}

namespace {

/// The segment register that a PUSH or POP names.
Seg named_segment(u16 opcode) {
  switch (opcode) {
    case 0x0006:
    case 0x0007: return ES;
    case 0x000E: return CS;
    case 0x0016:
    case 0x0017: return SS;
    case 0x001E:
    case 0x001F: return DS;
    case 0x0FA0:
    case 0x0FA1: return FS;
    default: return GS;
  }
}

}  // namespace

Outcome push_segment(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  // With a 32-bit operand ESP moves by four and two bytes are written.
  const u32 mask = g.stack32() ? ~u32{0} : 0xFFFF;
  u32& esp = g.real().gpr[ESP];
  const u32 top = (esp - (d.operand32 ? 4 : 2)) & mask;
  const u16 selector = g.selector(named_segment(d.opcode));
  LinearAddr where;
  if (!g.linear(SS, top, 2, Access::Write, where) || !g.write(where, selector, g.cpl() == 3))
    return finish(g, false, 0);
  esp = (esp & ~mask) | top;
  return Outcome::advance(d.length);
}

Outcome pop_segment(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const Seg s = named_segment(d.opcode);
  u32 selector[1];
  if (!g.peek_stack(selector, d.operand32)) return finish(g, false, 0);
  if (!g.load_data_segment(s, static_cast<u16>(selector[0]))) return finish(g, false, 0);
  g.release_stack(d.operand32 ? 4 : 2);
  g.interrupt_shadow = s == SS;
  return Outcome::advance(d.length);
}

}  // namespace ringside::emulation
