// The opcode table: one row for each opcode, or for each /reg of an opcode group.
//
// The decoder takes an instruction's operands from it, the engine its handler, the dead-flag elimination its
// flags, and explanations and tests read it as documentation. Opcodes with the register in their low three
// bits (operand Zb or Zv) have one row for all eight. Manual: Intel SDM vol. 2 appendix A (opcode map), vol.
// 1 appendix A (flags).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "cpu/cpu.h"
#include "cpu/insn.h"

namespace ringside {

struct Decoded;

/// Operand forms, named as in the manual's opcode map: E is ModRM's register-or-memory, G its register, I an
/// immediate, J a relative target, O a memory offset, X a string; b, w, d are sizes and v is the operand
/// size.
enum class Form : u8 {
  None,
  Eb,
  Ew,
  Ed,
  Ev,
  Gb,
  Gw,
  Gv,
  Zb,
  Zv,
  Ib,
  Iw,
  Iz,
  Is /* byte, sign-extended */,
  Jb,
  Jz,
  Ap,
  Ob,
  Ov,
  Xb,
  Xv,
  Xz,
  M,
  Ma,
  Mp,
  Mq,
  M87 /* memory of x87's choice */,
  Simd /* registers or memory of MMX's, SSE's choice */,
  Sw,
  Cd,
  Dd,
  Rd,
  AL,
  AX /* or EAX */,
  AXz /* as port data */,
  CL,
  DX,
  One,
  ES,
  CS,
  SS,
  DS,
  FS,
  GS,
};

/// Chooses the handler of a decoded instruction; nullptr if the encoding is not valid after all (#UD).
using Selector = Handler (*)(const Decoded&);

namespace attribute {
inline constexpr u8 Lock = 1;             ///< LOCK is allowed when the destination is memory
inline constexpr u8 Pure = 2;             ///< with register operands it cannot fault nor leave the engine
inline constexpr u8 End = 4;              ///< ends a basic block
inline constexpr u8 MemoryOnly = 8;       ///< #UD with a register operand
inline constexpr u8 RegisterOnly = 16;    ///< another row has the memory form
inline constexpr u8 Privileges = 7 << 5;  ///< one of the following
inline constexpr u8 Ring0 = 1 << 5;       ///< #GP(0) outside ring 0: privileged and sensitive
inline constexpr u8 Iopl = 2 << 5;        ///< #GP(0) when CPL > IOPL
inline constexpr u8 Io = 3 << 5;          ///< the same, unless the TSS permits the port
inline constexpr u8 Sensitive = 4 << 5;   ///< not privileged and yet depends on privileged state
}  // namespace attribute

struct OpcodeRow {
  static constexpr i8 kAny = -1;

  u16 opcode;            ///< 0x00xx, or 0x0Fxx for two-byte opcodes
  i8 reg;                ///< ModRM reg field, or kAny
  const char* mnemonic;  ///< in Intel's syntax; "16-bit|32-bit" where the size changes it
  std::array<Form, 3> operands;
  Selector select;
  u8 argument;  ///< which of its family, for the selector
  u8 attributes;
  u16 flags_read, flags_defined, flags_undefined;
  CpuModel since;  ///< the first model that has it

  constexpr u8 privilege() const { return attributes & attribute::Privileges; }
  constexpr bool by_register() const { return operands[0] == Form::Zb || operands[0] == Form::Zv; }
};

std::span<const OpcodeRow> opcode_table();

/// The row of an opcode; for a group that of ModRM's reg field. nullptr if there is none.
const OpcodeRow* find_opcode(u16 opcode, u8 reg, bool register_operand);
/// Whether a ModRM byte follows the opcode.
bool has_modrm(u16 opcode);

/// The Intel mnemonic of a decoded instruction.
std::string_view mnemonic(const Decoded&);

}  // namespace ringside
