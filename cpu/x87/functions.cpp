// Functions of ST(0), or of ST(0) and ST(1).
#include "cpu/x87/bodies.h"
#include "cpu/x87/unit.h"

namespace ringside::x87 {

namespace {

constexpr u16 kSign = 0x8000;

/// The last three bits of D9 E0..FF and the reg field before them.
unsigned number(const Insn& i) { return i.imm & 0x1F; }

bool change(FpuState& f, u16 keep, u16 flip) {
  if (f.empty(0)) {
    if (stack_underflow(f)) put(f, 0, kIndefinite);
    return true;
  }
  set_conditions(f, C1, 0);
  u16& word = st(f, 0).sign_exponent;
  word = static_cast<u16>((word & keep) ^ flip);
  return true;
}

host_float::Unary unary_function(unsigned n) {
  switch (n) {
    case 0x10: return host_float::two_to_x_minus_1;
    case 0x1A: return host_float::square_root;
    case 0x1C: return host_float::round_to_integer;
    case 0x1E: return host_float::sine;
    default: return host_float::cosine;
  }
}

/// FSIN and FCOS refuse a large operand, and say so in C2.
u16 conditions_of(unsigned n) { return n >= 0x1E ? C2 : u16{0}; }

}  // namespace

bool change_sign(Insn&, Core& c) { return change(c.fpu, 0xFFFF, kSign); }
bool absolute(Insn&, Core& c) { return change(c.fpu, static_cast<u16>(~kSign), 0); }

bool test(Insn&, Core& c) {
  constexpr u16 kOrder = C0 | C2 | C3;
  FpuState& f = c.fpu;
  if (f.empty(0)) {
    if (stack_underflow(f)) set_conditions(f, kOrder, kOrder);
    return true;
  }
  Result r;
  host_float::test(f.control, st(f, 0), r);
  accept(f, r, kOrder);
  return true;
}

bool examine(Insn&, Core& c) {
  FpuState& f = c.fpu;
  Result r;
  host_float::examine(f.control, st(f, 0), r);
  constexpr u16 kEmpty = C0 | C3;
  set_conditions(f, C1, r.status);
  set_conditions(f, C0 | C2 | C3, f.empty(0) ? kEmpty : r.status);
  return true;
}

bool unary(Insn& i, Core& c) {
  FpuState& f = c.fpu;
  const unsigned n = number(i);
  if (f.empty(0)) {
    if (stack_underflow(f)) put(f, 0, kIndefinite);
    return true;
  }
  Result r;
  unary_function(n)(f.control, st(f, 0), r);
  if (accept(f, r, conditions_of(n))) put(f, 0, r.value);
  return true;
}

bool two_results(Insn& i, Core& c) {
  constexpr unsigned kTangent = 0x12, kExtract = 0x14;
  FpuState& f = c.fpu;
  const unsigned n = number(i);
  if (f.empty(0) || !f.empty(7)) {
    if (f.empty(0) ? stack_underflow(f) : stack_overflow(f)) {
      put(f, 0, kIndefinite);
      push(f, kIndefinite);
    }
    return true;
  }
  Result r;
  const auto function = n == kTangent   ? host_float::tangent
                        : n == kExtract ? host_float::extract
                                        : host_float::sine_and_cosine;
  function(f.control, st(f, 0), r);
  const bool refuses = n != kExtract;
  if (!accept(f, r, refuses ? C2 : u16{0})) return true;
  if (refuses && (r.status & C2)) return true;
  put(f, 0, r.second);
  push(f, r.value);
  return true;
}

bool remainder_or_scale(Insn& i, Core& c) {
  constexpr unsigned kIeee = 0x15, kScale = 0x1D;
  FpuState& f = c.fpu;
  if (f.empty(0) || f.empty(1)) {
    if (stack_underflow(f)) put(f, 0, kIndefinite);
    return true;
  }
  Result r;
  const unsigned n = number(i);
  const auto function = n == kScale  ? host_float::scale
                        : n == kIeee ? host_float::ieee_remainder
                                     : host_float::partial_remainder;
  function(f.control, st(f, 0), st(f, 1), r);
  if (accept(f, r, n == kScale ? u16{0} : kConditions)) put(f, 0, r.value);
  return true;
}

bool two_operands_pop(Insn& i, Core& c) {
  constexpr unsigned kArctangent = 0x13, kLogarithmPlus1 = 0x19;
  FpuState& f = c.fpu;
  if (f.empty(0) || f.empty(1)) {
    if (!stack_underflow(f)) return true;
    put(f, 1, kIndefinite);
    pop(f);
    return true;
  }
  Result r;
  const unsigned n = number(i);
  const auto function = n == kArctangent       ? host_float::partial_arctangent
                        : n == kLogarithmPlus1 ? host_float::y_log2_x_plus_1
                                               : host_float::y_log2_x;
  function(f.control, st(f, 0), st(f, 1), r);
  if (!accept(f, r)) return true;
  put(f, 1, r.value);
  pop(f);
  return true;
}

}  // namespace ringside::x87
