// MMX, SSE and SSE2: one row for each instruction, below the opcodes of the opcode table. Which row it is
// depends on the mandatory prefix, too.
//
// A row says where the operands are and what is computed; one handler (execute.cpp) does the rest for all of
// them. Manual: Intel SDM vol. 2 appendix A tables; vol. 1 ch. 9-11.
#pragma once

#include <span>

#include "cpu/opcode_table.h"
#include "cpu/simd/host_simd.h"

namespace ringside {

namespace simd {

enum class Prefix : u8 { None, P66, PF3, PF2 };

/// Where an operand is: a register named by ModRM's reg field, or ModRM's register-or-memory.
enum class Place : u8 { None, Mm, Xmm, Gpr, MmRm, XmmRm, GprRm };

namespace trait {
inline constexpr u8 Memory = 1;     ///< the operand must be in memory
inline constexpr u8 Register = 2;   ///< it must be a register
inline constexpr u8 Immediate = 4;  ///< a byte follows
inline constexpr u8 Unaligned = 8;  ///< 16 bytes of memory need not be aligned
}  // namespace trait

}  // namespace simd

struct SimdRow {
  u8 opcode;  ///< behind 0F
  simd::Prefix prefix;
  i8 reg;  ///< of a group, or OpcodeRow::kAny
  const char* mnemonic;
  simd::Place to, from;
  u8 bytes;  ///< of the operand in memory
  u8 traits;
  CpuModel since;
  simd::Operation operation;  ///< nullptr: `arithmetic`, or `run`
  simd::Arithmetic arithmetic;
  Handler run;  ///< of an instruction that fits no pattern
};

std::span<const SimdRow> simd_table();
Handler select_simd(const Decoded&);
Handler select_emms(const Decoded&);

/// nullptr if there is no such instruction. A prefix that means nothing to an instruction is ignored.
const SimdRow* find_simd(u8 opcode, simd::Prefix, u8 reg, bool register_operand);

}  // namespace ringside
