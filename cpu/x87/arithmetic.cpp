// FADD, FSUB, FMUL, FDIV, the comparisons, FCMOVcc.
#include "cpu/execute/cold.h"
#include "cpu/x87/bodies.h"
#include "cpu/x87/unit.h"

namespace ringside::x87 {

namespace {

constexpr u16 kOrder = C0 | C2 | C3;
constexpr unsigned kCompare = 2, kComparePop = 3;  ///< reg field

bool compares(unsigned operation) { return operation == kCompare || operation == kComparePop; }

/// The result of `operation` goes to ST(target).
bool finish(FpuState& f, unsigned operation, unsigned target, const Result& r, bool pops) {
  if (!accept(f, r, compares(operation) ? kOrder : u16{0})) return true;
  if (!compares(operation)) put(f, target, r.value);
  if (pops) pop(f);
  return true;
}

/// An operand is missing.
bool underflow(FpuState& f, unsigned operation, unsigned target, bool pops) {
  if (!stack_underflow(f)) return true;
  if (compares(operation))
    set_conditions(f, kOrder, kOrder);
  else
    put(f, target, kIndefinite);
  if (pops) pop(f);
  return true;
}

template <u32 bytes>
bool with_real(Insn& i, Core& c, const host_float::WithReal (&operations)[8]) {
  u8 memory[bytes];
  if (!read_operand(i, c, memory, bytes)) return false;
  const unsigned operation = reg_field(i);
  const bool pops = operation == kComparePop;
  if (c.fpu.empty(0)) return underflow(c.fpu, operation, 0, pops);
  Result r;
  operations[operation](c.fpu.control, st(c.fpu, 0), memory, r);
  return finish(c.fpu, operation, 0, r, pops);
}

/// An integer converts without loss.
template <u32 bytes>
bool with_integer(Insn& i, Core& c, host_float::Load load) {
  u8 memory[bytes];
  if (!read_operand(i, c, memory, bytes)) return false;
  const unsigned operation = reg_field(i);
  const bool pops = operation == kComparePop;
  if (c.fpu.empty(0)) return underflow(c.fpu, operation, 0, pops);
  Result operand, r;
  load(c.fpu.control, memory, operand);
  host_float::kArithmetic[operation](c.fpu.control, st(c.fpu, 0), operand.value, r);
  return finish(c.fpu, operation, 0, r, pops);
}

bool between_registers(Core& c, unsigned operation, unsigned other, unsigned target, bool pops) {
  FpuState& f = c.fpu;
  if (f.empty(0) || f.empty(other)) return underflow(f, operation, target, pops);
  Result r;
  host_float::kArithmetic[operation](f.control, st(f, 0), st(f, other), r);
  return finish(f, operation, target, r, pops);
}

bool compare_unordered(Core& c, unsigned other, unsigned pops) {
  FpuState& f = c.fpu;
  if (f.empty(0) || f.empty(other)) {
    if (!stack_underflow(f)) return true;
    set_conditions(f, kOrder, kOrder);
  } else {
    Result r;
    host_float::unordered_compare(f.control, st(f, 0), st(f, other), r);
    if (!accept(f, r, kOrder)) return true;
  }
  while (pops--) pop(f);
  return true;
}

}  // namespace

bool with_real32(Insn& i, Core& c) { return with_real<4>(i, c, host_float::kArithmeticReal32); }
bool with_real64(Insn& i, Core& c) { return with_real<8>(i, c, host_float::kArithmeticReal64); }
bool with_integer16(Insn& i, Core& c) { return with_integer<2>(i, c, host_float::load_integer16); }
bool with_integer32(Insn& i, Core& c) { return with_integer<4>(i, c, host_float::load_integer32); }

bool into_top(Insn& i, Core& c) {
  return between_registers(c, reg_field(i), stack_index(i), 0, reg_field(i) == kComparePop);
}
// ST(0) is the first operand here, too: what D8 calls FSUB is FSUBR of ST(i).
bool into_other(Insn& i, Core& c) {
  return between_registers(c, reg_field(i), stack_index(i), stack_index(i), reg_field(i) == kComparePop);
}
bool into_other_pop(Insn& i, Core& c) {
  return between_registers(c, reg_field(i), stack_index(i), stack_index(i), true);
}
bool compare_pop(Insn& i, Core& c) { return between_registers(c, kComparePop, stack_index(i), 0, true); }
bool compare_pop_pop(Insn&, Core& c) {
  const unsigned top = c.fpu.top();
  between_registers(c, kComparePop, 1, 0, true);
  if (c.fpu.top() != top) pop(c.fpu);
  return true;
}
bool unordered_compare(Insn& i, Core& c) { return compare_unordered(c, stack_index(i), 0); }
bool unordered_compare_pop(Insn& i, Core& c) { return compare_unordered(c, stack_index(i), 1); }
bool unordered_compare_pop_pop(Insn&, Core& c) { return compare_unordered(c, 1, 2); }

bool compare_to_flags(Insn& i, Core& c) {
  constexpr unsigned kUnordered = 5, kPopBit = 4 << 8;  // DB E8, DF E8: reg field 5; DF: pop
  FpuState& f = c.fpu;
  const unsigned other = stack_index(i);
  u16 order = kOrder;
  if (f.empty(0) || f.empty(other)) {
    if (!stack_underflow(f)) return true;
  } else {
    Result r;
    const auto compare =
        reg_field(i) == kUnordered ? host_float::unordered_compare : host_float::kArithmetic[2];
    compare(f.control, st(f, 0), st(f, other), r);
    if (!accept(f, r)) return true;
    order = r.status;
  }
  c.s.eflags = (c.s.eflags & ~eflags::kArithmetic) | (order & C0 ? eflags::CF : 0) |
               (order & C2 ? eflags::PF : 0) | (order & C3 ? eflags::ZF : 0);
  reload_flags(c);
  if (i.imm & kPopBit) pop(f);
  return true;
}

bool conditional_move(Insn& i, Core& c) {
  static constexpr u32 kFlag[4] = {eflags::CF, eflags::ZF, eflags::CF | eflags::ZF, eflags::PF};
  const bool negated = i.imm & 1 << 8;  // DB rather than DA
  FpuState& f = c.fpu;
  const unsigned other = stack_index(i);
  const bool moves = static_cast<bool>(c.s.eflags & kFlag[reg_field(i)]) != negated;
  if (f.empty(0) || f.empty(other)) {
    if (stack_underflow(f)) put(f, 0, kIndefinite);
  } else if (moves) {
    put(f, 0, st(f, other));
  }
  return true;
}

}  // namespace ringside::x87
