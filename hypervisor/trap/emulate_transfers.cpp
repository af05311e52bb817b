// Segment loads, and transfers between segments and rings.
//
// They reach the monitor in three ways: the selector names ring 0 where the processor is in ring 1, the
// shadow descriptor is not there yet, or the descriptor is one that never gets a shadow (a gate). The guest's
// own rules decide in all three; afterwards the descriptor has a shadow and the next such load runs unseen.
#include "hypervisor/trap/emulate_privileged.h"
#include "hypervisor/trap/operands.h"

namespace ringside::emulation {

Outcome mov_to_segment(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u16 selector;
  if (d.reg == CS || d.reg > GS) return finish(g, g.raise(vector::UD), 0);
  const Seg s = static_cast<Seg>(d.reg);
  const bool ok = read_word(g, d, selector) && g.load_data_segment(s, selector);
  if (ok) g.interrupt_shadow = s == SS;
  return finish(g, ok, d.length);
}

namespace {

/// The offset and selector of a far pointer in memory.
bool read_far_pointer(TrapGuest& g, const Decoded& d, u32& offset, u16& selector) {
  u8 bytes[6];
  const u32 size = d.operand32 ? 4 : 2;
  if (!read_memory(g, d, bytes, size + 2)) return false;
  offset = 0;
  std::memcpy(&offset, bytes, size);
  std::memcpy(&selector, bytes + size, 2);
  return true;
}

/// The operand of a direct or indirect far CALL or JMP.
bool far_target(TrapGuest& g, const Decoded& d, u32& offset, u16& selector) {
  if (d.memory) return read_far_pointer(g, d, offset, selector);
  offset = d.imm;
  selector = static_cast<u16>(d.imm2);
  return true;
}

}  // namespace

Outcome load_far_pointer(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const Seg s = d.opcode == 0x00C4   ? ES
                : d.opcode == 0x00C5 ? DS
                : d.opcode == 0x0FB2 ? SS
                : d.opcode == 0x0FB4 ? FS
                                     : GS;
  u32 offset;
  u16 selector;
  if (!read_far_pointer(g, d, offset, selector) || !g.load_data_segment(s, selector))
    return finish(g, false, 0);
  set_register(g, d.reg, d.operand32 ? 4 : 2, offset);
  return Outcome::advance(d.length);
}

Outcome far_jump(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u32 offset;
  u16 selector;
  return finish(g, far_target(g, d, offset, selector) && g.far_jump(selector, offset, d.operand32), 0);
}

Outcome far_call(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u32 offset;
  u16 selector;
  const u32 return_eip = g.real().eip + d.length;
  return finish(
      g, far_target(g, d, offset, selector) && g.far_call(selector, offset, d.operand32, return_eip), 0);
}

Outcome far_return(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u16 release = d.opcode == 0x00CA ? static_cast<u16>(d.imm) : 0;
  return finish(g, g.far_return(d.operand32, release), 0);
}

Outcome iret(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  return finish(g, g.iret(d.operand32), 0);
}

Outcome int_n(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  Event e{
      .vector = static_cast<u8>(d.imm), .type = EventType::SoftwareInterrupt, .instruction_length = d.length};
  if (d.opcode != 0x00CD) {
    e.vector = d.opcode == 0x00CC ? vector::BP : vector::OF;
    e.type = EventType::SoftwareException;
  } else if (g.virtual_8086() && g.iopl() < 3) {
    return general_protection(g);
  }
  return Outcome::inject(e);
}

Outcome sysenter(TrapGuest& g, const Decoded&) {
  g.host.ledger.handled_at();
  if (!(g.virt.sysenter_cs & 0xFFFC)) return general_protection(g);
  g.set_flags(g.flags() & ~(eflags::VM | eflags::IF | eflags::RF));
  g.set_flat_segments(static_cast<u16>(g.virt.sysenter_cs), 0);
  g.real().eip = g.virt.sysenter_eip;
  g.real().gpr[ESP] = g.virt.sysenter_esp;
  return Outcome::advance(0);
}

Outcome sysexit(TrapGuest& g, const Decoded&) {
  g.host.ledger.handled_at();
  if (!(g.virt.sysenter_cs & 0xFFFC)) return general_protection(g);
  g.set_flat_segments(static_cast<u16>(g.virt.sysenter_cs + 16), 3);
  g.real().eip = g.real().gpr[EDX];
  g.real().gpr[ESP] = g.real().gpr[ECX];
  return Outcome::advance(0);
}

}  // namespace ringside::emulation
