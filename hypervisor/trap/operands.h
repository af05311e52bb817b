// The operands of an instruction that the monitor emulates.
#pragma once

#include "cpu/decode.h"
#include "hypervisor/monitor.h"
#include "hypervisor/trap/guest.h"

namespace ringside::emulation {

/// The offset of the memory operand within its segment.
inline u32 effective_offset(TrapGuest& g, const Decoded& d) {
  const auto& r = g.real().gpr;
  u32 offset = d.disp;
  if (d.base < 8) offset += r[d.base];
  if (d.index < 8) offset += r[d.index] << d.scale;
  return d.address32 ? offset : offset & 0xFFFF;
}

inline bool memory_operand(TrapGuest& g, const Decoded& d, u32 bytes, Access access, LinearAddr& a) {
  return g.linear(static_cast<Seg>(d.seg), effective_offset(g, d), bytes, access, a);
}

/// Reads `bytes` of the memory operand.
inline bool read_memory(TrapGuest& g, const Decoded& d, void* to, u32 bytes) {
  LinearAddr a;
  return memory_operand(g, d, bytes, Access::Read, a) && g.read(a, to, bytes, g.cpl() == 3);
}
inline bool write_memory(TrapGuest& g, const Decoded& d, const void* from, u32 bytes) {
  LinearAddr a;
  return memory_operand(g, d, bytes, Access::Write, a) && g.write(a, from, bytes, g.cpl() == 3);
}

/// A 16-bit operand in a register or memory.
inline bool read_word(TrapGuest& g, const Decoded& d, u16& value) {
  if (d.memory) return read_memory(g, d, &value, 2);
  value = static_cast<u16>(g.real().gpr[d.rm]);
  return true;
}

/// 8, 16 or 32 bits of a general register; 8 means AL.
inline void set_register(TrapGuest& g, u8 number, u32 bytes, u32 value) {
  const u32 mask = bytes == 4 ? ~u32{0} : (1u << bytes * 8) - 1;
  u32& r = g.real().gpr[number];
  r = (r & ~mask) | (value & mask);
}

/// What SMSW, STR, SLDT and MOV from a segment register do: 16 bits to memory, the operand size to a
/// register.
inline bool store_word(TrapGuest& g, const Decoded& d, u32 value) {
  if (d.memory) {
    const u16 word = static_cast<u16>(value);
    return write_memory(g, d, &word, 2);
  }
  set_register(g, d.rm, d.operand32 ? 4 : 2, value);
  return true;
}

/// What became of the instruction: on, or a fault for the guest, or the end of what this monitor can do.
inline Outcome finish(TrapGuest& g, bool ok, u8 length) {
  if (ok) return Outcome::advance(length);
  return g.limitation.empty() ? Outcome::inject(g.fault.event) : Outcome::stop(g.limitation);
}
inline Outcome general_protection(TrapGuest& g) { return finish(g, g.raise(vector::GP, 0), 0); }

}  // namespace ringside::emulation
