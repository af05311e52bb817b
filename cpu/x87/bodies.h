// The x87 instructions, each as a body that the table names. Those of a family read which member they are
// from the reg field. Manual: Intel SDM vol. 2, by mnemonic.
#pragma once

#include "cpu/insn.h"

namespace ringside::x87 {

// ---- arithmetic.cpp: FADD, FMUL, FCOM(P), FSUB(R), FDIV(R), in the order of the reg field
bool with_real32(Insn&, Core&);
bool with_real64(Insn&, Core&);
bool with_integer16(Insn&, Core&);
bool with_integer32(Insn&, Core&);
bool into_top(Insn&, Core&);        ///< ST(0) := ST(0) op ST(i)
bool into_other(Insn&, Core&);      ///< ST(i) := ST(i) op ST(0)
bool into_other_pop(Insn&, Core&);  ///< and pop
bool compare_pop_pop(Insn&, Core&);
bool compare_pop(Insn&, Core&);  ///< the aliases of FCOMP
bool unordered_compare(Insn&, Core&);
bool unordered_compare_pop(Insn&, Core&);
bool unordered_compare_pop_pop(Insn&, Core&);
bool compare_to_flags(Insn&, Core&);  ///< FCOMI, FUCOMI, FCOMIP, FUCOMIP
bool conditional_move(Insn&, Core&);  ///< FCMOVcc

// ---- transfer.cpp
bool load_real32(Insn&, Core&);
bool load_real64(Insn&, Core&);
bool load_real80(Insn&, Core&);
bool load_integer16(Insn&, Core&);
bool load_integer32(Insn&, Core&);
bool load_integer64(Insn&, Core&);
bool load_decimal(Insn&, Core&);
bool load_register(Insn&, Core&);
bool load_constant(Insn&, Core&);
bool store_real32(Insn&, Core&);  ///< FST; reg field 3: FSTP. So for the integers.
bool store_real64(Insn&, Core&);
bool store_real80(Insn&, Core&);
bool store_integer16(Insn&, Core&);
bool store_integer32(Insn&, Core&);
bool store_integer64(Insn&, Core&);
bool store_decimal(Insn&, Core&);
bool store_register(Insn&, Core&);
bool store_register_pop(Insn&, Core&);
bool move_register_pop(Insn&, Core&);  ///< FSTPNCE: the alias of FSTP that knows no stack fault
bool exchange(Insn&, Core&);

// ---- functions.cpp: of ST(0), or of ST(0) and ST(1)
bool change_sign(Insn&, Core&);
bool absolute(Insn&, Core&);
bool test(Insn&, Core&);
bool examine(Insn&, Core&);
bool unary(Insn&, Core&);               ///< FSQRT, FRNDINT, F2XM1, FSIN, FCOS
bool two_results(Insn&, Core&);         ///< FPTAN, FSINCOS, FXTRACT
bool remainder_or_scale(Insn&, Core&);  ///< FPREM, FPREM1, FSCALE
bool two_operands_pop(Insn&, Core&);    ///< FYL2X, FYL2XP1, FPATAN

// ---- control.cpp
bool nothing(Insn&, Core&);
bool free_register(Insn&, Core&);
bool free_register_pop(Insn&, Core&);
bool increment_top(Insn&, Core&);
bool decrement_top(Insn&, Core&);
bool initialise(Insn&, Core&);
bool clear_exceptions(Insn&, Core&);
bool load_control(Insn&, Core&);
bool store_control(Insn&, Core&);
bool store_status(Insn&, Core&);
bool store_status_to_ax(Insn&, Core&);
bool load_environment16(Insn&, Core&);
bool load_environment32(Insn&, Core&);
bool store_environment16(Insn&, Core&);
bool store_environment32(Insn&, Core&);
bool restore16(Insn&, Core&);
bool restore32(Insn&, Core&);
bool save16(Insn&, Core&);
bool save32(Insn&, Core&);

}  // namespace ringside::x87
