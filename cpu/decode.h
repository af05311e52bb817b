// From bytes to a decoded instruction.
//
// Modelled: prefixes in any order and number, 16- and 32-bit operand and address sizes, the legality of LOCK,
// the length limit of 15 bytes, and which CPU model has the opcode. Manual: Intel SDM vol. 2 ch. 2.
#pragma once

#include "cpu/opcode_table.h"

namespace ringside {

struct Decoded {
  const OpcodeRow* row = nullptr;
  u16 opcode = 0;  ///< as in the table, with the register bits of Zb and Zv
  u8 length = 0;   ///< in bytes, prefixes included
  u8 size = 4;     ///< of the operation in bytes
  bool operand32 = true, address32 = true;
  bool lock = false;
  u8 rep = 0;   ///< 0, 0xF2 or 0xF3
  u8 seg = DS;  ///< of the memory operand, override or default
  u8 mod = 0, reg = 0, rm = 0;
  bool memory = false;  ///< the operand E, M or O is in memory
  u8 base = Insn::kNone, index = Insn::kNone, scale = 0;
  u32 disp = 0;
  u32 imm = 0;  ///< sign-extended where the operation extends it; relative branches: the displacement
  const struct X87Row* x87 = nullptr;    ///< opcodes D8 to DF; `imm` is then the x87 opcode, ModRM included
  const struct SimdRow* simd = nullptr;  ///< MMX, SSE and SSE2
  u32 imm2 = 0;                          ///< selector of a far pointer; nesting level of ENTER
  u8 d = 0, s = 0;  ///< slots (register_slot) of the first and second operand where they are registers

  // Where the instruction stands; the block builder knows.
  u32 eip = 0;
  u32 mode = 0;  ///< mode bits of execution.h
  bool carry_live = true,
       flags_live = true;  ///< whether anybody can see CF, and the other flags, that it sets

  /// The flags that must be computed: bit 0 CF, bit 1 the others.
  unsigned live() const { return (carry_live ? 1u : 0u) | (flags_live ? 2u : 0u); }
  u32 next_eip() const { return eip + length; }
  u32 target() const { return operand32 ? next_eip() + imm : (next_eip() + imm) & 0xFFFF; }
  /// A memory operand that needs neither segment base nor limit check nor 16-bit wrap-around.
  bool fast_memory() const;
};

enum class DecodeStatus : u8 {
  Ok,
  Truncated,  ///< `available` bytes are not enough
  Undefined,  ///< #UD
  TooLong,    ///< more than 15 bytes: #GP(0)
};

inline constexpr unsigned kMaxInstructionLength = 15;

DecodeStatus decode(const u8* bytes, unsigned available, bool code32, CpuModel, Decoded&);

}  // namespace ringside
