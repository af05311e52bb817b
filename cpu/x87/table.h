// The x87 instructions: one row for each, below the eight opcodes D8 to DF of the opcode table.
// Manual: Intel SDM vol. 2 appendix A tables.
#pragma once

#include <span>

#include "cpu/opcode_table.h"

namespace ringside {

struct X87Row {
  u8 opcode;  ///< D8 to DF
  u8 modrm;   ///< with an operand in memory: only the reg field, below C0h
  u8 count;   ///< of consecutive ModRM bytes: 8 if the low three bits name ST(i)
  const char* mnemonic;
  Handler run16, run32;  ///< by operand size
  CpuModel since;
};

std::span<const X87Row> x87_table();

/// nullptr if there is no such instruction.
const X87Row* find_x87(u8 opcode, u8 modrm);

}  // namespace ringside
