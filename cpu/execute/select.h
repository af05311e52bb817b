// The selectors of the opcode table: each chooses the handler for one family of instructions.
#pragma once

#include "cpu/opcode_table.h"

namespace ringside {

/// OpcodeRow::argument of the arithmetic family: the number that the opcode map gives the operation.
namespace alu {
enum : u8 { Add, Or, Adc, Sbb, And, Sub, Xor, Cmp, Test };
}

Handler select_aaa(const Decoded&);
Handler select_aad(const Decoded&);
Handler select_aam(const Decoded&);
Handler select_aas(const Decoded&);
Handler select_alu(const Decoded&);
Handler select_arpl(const Decoded&);
Handler select_bit_scan(const Decoded&);
Handler select_bit_test(const Decoded&);
Handler select_bound(const Decoded&);
Handler select_bswap(const Decoded&);
Handler select_call(const Decoded&);
Handler select_call_indirect(const Decoded&);
Handler select_carry(const Decoded&);
Handler select_cbw(const Decoded&);
Handler select_clts(const Decoded&);
Handler select_cmov(const Decoded&);
Handler select_cmpxchg(const Decoded&);
Handler select_cmpxchg8b(const Decoded&);
Handler select_cpuid(const Decoded&);
Handler select_cwd(const Decoded&);
Handler select_daa(const Decoded&);
Handler select_das(const Decoded&);
Handler select_direction(const Decoded&);
Handler select_divide(const Decoded&);
Handler select_double_shift(const Decoded&);
Handler select_enter(const Decoded&);
Handler select_extend(const Decoded&);
Handler select_far(const Decoded&);
Handler select_far_return(const Decoded&);
Handler select_hlt(const Decoded&);
Handler select_imul(const Decoded&);
Handler select_in(const Decoded&);
Handler select_inc_dec(const Decoded&);
Handler select_int(const Decoded&);
Handler select_interrupt_flag(const Decoded&);
Handler select_invlpg(const Decoded&);
Handler select_iret(const Decoded&);
Handler select_jcc(const Decoded&);
Handler select_jmp(const Decoded&);
Handler select_jmp_indirect(const Decoded&);
Handler select_lahf(const Decoded&);
Handler select_lar(const Decoded&);
Handler select_lea(const Decoded&);
Handler select_leave(const Decoded&);
Handler select_lmsw(const Decoded&);
Handler select_load_far_pointer(const Decoded&);
Handler select_load_selector(const Decoded&);
Handler select_load_table(const Decoded&);
Handler select_loop(const Decoded&);
Handler select_lsl(const Decoded&);
Handler select_mov(const Decoded&);
Handler select_mov_cr(const Decoded&);
Handler select_mov_dr(const Decoded&);
Handler select_mov_from_segment(const Decoded&);
Handler select_mov_to_segment(const Decoded&);
Handler select_msr(const Decoded&);
Handler select_multiply(const Decoded&);
Handler select_neg(const Decoded&);
Handler select_nop(const Decoded&);
Handler select_not(const Decoded&);
Handler select_out(const Decoded&);
Handler select_pop(const Decoded&);
Handler select_pop_segment(const Decoded&);
Handler select_popa(const Decoded&);
Handler select_popf(const Decoded&);
Handler select_push(const Decoded&);
Handler select_push_segment(const Decoded&);
Handler select_pusha(const Decoded&);
Handler select_pushf(const Decoded&);
Handler select_rdpmc(const Decoded&);
Handler select_rdtsc(const Decoded&);
Handler select_ret(const Decoded&);
Handler select_sahf(const Decoded&);
Handler select_salc(const Decoded&);
Handler select_setcc(const Decoded&);
Handler select_shift(const Decoded&);
Handler select_smsw(const Decoded&);
Handler select_store_selector(const Decoded&);
Handler select_store_table(const Decoded&);
Handler select_string(const Decoded&);
Handler select_sysenter(const Decoded&);
Handler select_sysexit(const Decoded&);
Handler select_undefined(const Decoded&);
Handler select_verify(const Decoded&);
Handler select_vmcall(const Decoded&);
Handler select_wait(const Decoded&);
Handler select_wbinvd(const Decoded&);
Handler select_x87(const Decoded&);
Handler select_xadd(const Decoded&);
Handler select_xchg(const Decoded&);
Handler select_xlat(const Decoded&);

/// PAUSE, which is NOP with a prefix.
Handler select_pause();

/// Raises #UD; for encodings that are not instructions.
Step undefined_opcode(Insn*, Core*);
/// Raises #GP(0): longer than 15 bytes, or reaching past CS's limit.
Step not_fetchable(Insn*, Core*);

}  // namespace ringside
