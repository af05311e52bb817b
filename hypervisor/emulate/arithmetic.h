// What the instruction emulator computes: results and flags of the integer instructions, one function per
// family, for operands of 1, 2 or 4 bytes held in the low part of a u32.
//
// Written for clarity and independent of the processor's own arithmetic, so that each can test the other.
// Manual: Intel SDM vol. 1 section 3.4.3.1 and appendix A (flags), vol. 2.
#pragma once

#include "cpu/state.h"

namespace ringside::arithmetic {

enum AluOperation : u8 { kAdd, kOr, kAdc, kSbb, kAnd, kSub, kXor, kCmp };  // as in the opcode map
enum ShiftOperation : u8 { kRol, kRor, kRcl, kRcr, kShl, kShr, kSal, kSar };
enum BitOperation : u8 { kTest, kSet, kReset, kComplement };

constexpr u32 mask_of(unsigned size) { return size == 4 ? ~u32{0} : (u32{1} << (8 * size)) - 1; }
constexpr u32 sign_of(unsigned size) { return u32{1} << (8 * size - 1); }
constexpr u32 sign_extend(u32 v, unsigned size) {
  return size == 4 ? v : (v & sign_of(size) ? v | ~mask_of(size) : v & mask_of(size));
}
constexpr u32 replace_low(u32 whole, u32 low, unsigned size) {
  return (whole & ~mask_of(size)) | (low & mask_of(size));
}

/// SF, ZF and PF of a result, in their EFLAGS places.
u32 result_flags(u32 result, unsigned size);
/// Whether the condition of Jcc, SETcc, CMOVcc number `code` holds.
bool condition(unsigned code, u32 flags);

/// Each returns the result (kCmp: of the subtraction) and updates `flags`, an EFLAGS image.
u32 alu(AluOperation, u32 a, u32 b, unsigned size, u32& flags);
u32 increment(u32 a, unsigned size, u32& flags);
u32 decrement(u32 a, unsigned size, u32& flags);
/// `count` is masked to 5 bits here; a masked count of 0 changes nothing.
u32 shift(ShiftOperation, u32 a, unsigned count, unsigned size, u32& flags);
/// SHLD and SHRD of `a` with bits from `b`.
u32 double_shift(bool right, u32 a, u32 b, unsigned count, unsigned size, u32& flags);
/// BT, BTS, BTR, BTC of bit number `bit` (below 8 x size): CF and the new operand.
u32 bit_operation(BitOperation, u32 a, unsigned bit, u32& flags);
/// BSF and BSR; `destination` is returned when there is no bit.
u32 bit_scan(bool reverse, u32 source, u32 destination, unsigned size, u32& flags);

/// The product of two operands, in twice their size; `overflow` as CF and OF have it.
u64 multiply(bool is_signed, u32 a, u32 b, unsigned size, bool& overflow);
/// False: #DE.
bool divide(bool is_signed, u64 dividend, u32 divisor, unsigned size, u32& quotient, u32& remainder);

}  // namespace ringside::arithmetic
