// A decoded instruction as the engine executes it, and how one handler passes control to the next.
//
// A basic block is an array of Insn: one head (data, never executed), the instructions, and one exit slot for
// each way out. A handler does one instruction and ends by calling the next handler in tail position, which
// the compiler turns into a jump ("threaded code"). Where the compiler does not make sibling calls (no
// optimisation, sanitizers) a handler returns the next Insn instead and a loop calls it; RINGSIDE_TAIL_CALLS,
// set by CMake, selects.
#pragma once

#include "cpu/cpu.h"

namespace ringside {

using Core = Cpu::Core;
struct Insn;

#if RINGSIDE_TAIL_CALLS
using Step = void;
#else
using Step = Insn*;
#endif
using Handler = Step (*)(Insn*, Core*);

/// 32 bytes, two to a cache line. What the fields mean depends on the handler; these are the conventions:
struct Insn {
  static constexpr u8 kNone = 8;       ///< `base` or `index` of an address without one
  static constexpr u8 kRegister = 15;  ///< `base` when the ModRM operand is a register

  Handler run;
  Insn* link =
      nullptr;    ///< exit slot: first instruction of the block to go to; the slot itself while unresolved
  u32 imm = 0;    ///< immediate; exit slot: number of instructions in the block
  u32 disp = 0;   ///< displacement; exit slot: target EIP; head: EIP of the first instruction
  u16 place = 0;  ///< bits 0-5 slot in the block, bits 6-15 EIP minus the head's EIP
  u8 bits = 0;    ///< bits 0-3 length, bits 4-6 segment, bit 7 16-bit addressing
  u8 scale = 0;   ///< shift count of the index register
  union {
    struct {
      u8 d, s;  ///< register of the first and of the second operand (8-bit: byte offset, see register_slot)
      u8 base, index;  ///< registers of the address
    };
    u32 context;  ///< exit slot of an indirect branch: what `link` is valid for
  };

  unsigned slot() const { return place & 63; }
  unsigned length() const { return bits & 15; }
  unsigned segment() const { return (bits >> 4) & 7; }
  bool address16() const { return bits & 0x80; }
  bool memory() const { return base != kRegister; }
  const Insn* head() const { return this - slot(); }
  u32 eip() const { return head()->disp + (place >> 6); }
  u32 next_eip() const { return eip() + length(); }
};

static_assert(sizeof(Insn) == 32);

/// Where an 8-bit register lies in the register file, in bytes: AL CL DL BL AH CH DH BH.
constexpr u8 register_slot(unsigned number, unsigned size) {
  return static_cast<u8>(size == 1 ? (number & 3) * 4 + (number >> 2) : number);
}

/// Passes control to `next`.
[[gnu::always_inline]] inline Step go(Insn* next, [[maybe_unused]] Core* c) {
#if RINGSIDE_TAIL_CALLS
  asm("" : "+r"(next));  // one address in one register: otherwise the compiler keeps the old one for the load
  return next->run(next, c);
#else
  return next;
#endif
}

/// Returns to the run loop.
[[gnu::always_inline]] inline Step leave() {
#if !RINGSIDE_TAIL_CALLS
  return nullptr;
#endif
}

}  // namespace ringside
