// x87 arithmetic, carried out by the host's own x87 unit: the one oracle of rounding, precision control and
// exceptions that is right by construction.
//
// Each function executes one instruction under the guest's control word, its unmasked exceptions included:
// the x87 defers an error to the next waiting instruction, and none follows before the host's own control
// word is back. So results with wrapped exponents and the flags of a stopped operation are the hardware's,
// too. What these functions do not see is the register stack; stack faults are the caller's.
//
// Simplified: transcendental instructions have the last bits of the host's manufacturer. A host that is not
// x86 has no such unit: kHostFloat is false, and the processor then reports that it has no x87 either.
// Manual: Intel SDM vol. 1 sections 8.3, 8.5; vol. 2.
#pragma once

#include "cpu/fpu_state.h"

namespace ringside::host_float {

/// What an instruction left in ST(0) and, if it has two results, in ST(1).
struct Result {
  Float80 value, second;
  u16 status = 0;  ///< the host's status word afterwards: exceptions and condition codes
};

/// ST(0) = a, ST(1) = b before the instruction.
using Unary = void (*)(u16 control, const Float80& a, Result&);
using Binary = void (*)(u16 control, const Float80& a, const Float80& b, Result&);
/// The second operand is a 32- or 64-bit real number in memory.
using WithReal = void (*)(u16 control, const Float80& a, const void* memory, Result&);
/// Between ST(0) and memory; the bytes at `memory` are read or written.
using Load = void (*)(u16 control, const void* memory, Result&);
using Store = void (*)(u16 control, const Float80& a, void* memory, Result&);

/// In the order of the ModRM reg field of D8: FADD, FMUL, FCOM, FCOMP, FSUB, FSUBR, FDIV, FDIVR. The
/// comparisons leave no value.
extern const Binary kArithmetic[8];
extern const WithReal kArithmeticReal32[8], kArithmeticReal64[8];

void unordered_compare(u16 control, const Float80& a, const Float80& b, Result&);  ///< FUCOM
/// FPREM, FPREM1, FSCALE: the value replaces ST(0).
void partial_remainder(u16 control, const Float80& a, const Float80& b, Result&);
void ieee_remainder(u16 control, const Float80& a, const Float80& b, Result&);
void scale(u16 control, const Float80& a, const Float80& b, Result&);
/// FYL2X, FYL2XP1, FPATAN: the value replaces ST(1) after a pop.
void y_log2_x(u16 control, const Float80& a, const Float80& b, Result&);
void y_log2_x_plus_1(u16 control, const Float80& a, const Float80& b, Result&);
void partial_arctangent(u16 control, const Float80& a, const Float80& b, Result&);

void square_root(u16 control, const Float80& a, Result&);
void round_to_integer(u16 control, const Float80& a, Result&);
void two_to_x_minus_1(u16 control, const Float80& a, Result&);
void sine(u16 control, const Float80& a, Result&);
void cosine(u16 control, const Float80& a, Result&);
void test(u16 control, const Float80& a, Result&);     ///< FTST: condition codes only
void examine(u16 control, const Float80& a, Result&);  ///< FXAM of a register that is not empty
/// FPTAN, FSINCOS, FXTRACT: `second` holds what a push leaves below `value`.
void tangent(u16 control, const Float80& a, Result&);
void sine_and_cosine(u16 control, const Float80& a, Result&);
void extract(u16 control, const Float80& a, Result&);

/// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: in the order of D9 E8..EE.
extern const Load kConstants[7];

void load_real32(u16 control, const void* memory, Result&);
void load_real64(u16 control, const void* memory, Result&);
void load_integer16(u16 control, const void* memory, Result&);
void load_integer32(u16 control, const void* memory, Result&);
void load_integer64(u16 control, const void* memory, Result&);
void load_decimal(u16 control, const void* memory, Result&);
void store_real32(u16 control, const Float80& a, void* memory, Result&);
void store_real64(u16 control, const Float80& a, void* memory, Result&);
void store_integer16(u16 control, const Float80& a, void* memory, Result&);
void store_integer32(u16 control, const Float80& a, void* memory, Result&);
void store_integer64(u16 control, const Float80& a, void* memory, Result&);
void store_decimal(u16 control, const Float80& a, void* memory, Result&);  ///< FBSTP: 10 bytes

}  // namespace ringside::host_float
