// The two-operand operations of the arithmetic family: ADD OR ADC SBB AND SUB XOR CMP TEST.
//
// `live` says which flags somebody can see (Decoded::live): bit 0 CF, bit 1 the others.
#pragma once

#include "cpu/execute/operand.h"
#include "cpu/execute/select.h"

namespace ringside::alu {

inline constexpr unsigned kCarry = 1, kOthers = 2, kAll = 3;

template <u8 op>
struct Operation {
  static constexpr bool kWrites = op != Cmp && op != Test;
  static constexpr bool kUsesCarry = op == Adc || op == Sbb;

  template <class T>
  static T compute(const Core* c, T a, T b) {
    if constexpr (op == Add) return static_cast<T>(a + b);
    if constexpr (op == Or) return a | b;
    if constexpr (op == Adc) return static_cast<T>(a + b + c->x.flags.carry);
    if constexpr (op == Sbb) return static_cast<T>(a - b - c->x.flags.carry);
    if constexpr (op == And || op == Test) return a & b;
    if constexpr (op == Sub || op == Cmp) return static_cast<T>(a - b);
    if constexpr (op == Xor) return a ^ b;
  }

  /// Sets the flags of r = compute(a, b).
  template <unsigned live, class T>
  [[gnu::always_inline]] static void set_flags(Core* c, T a, T b, T r) {
    LazyFlags& f = c->x.flags;
    constexpr unsigned kTop = sizeof(T) * 8 - 1;
    if constexpr (op == Add) {
      if constexpr (live & kCarry) f.carry = r < a;
      if constexpr (live & kOthers) f.set(FlagKind::Add8, a, r);
    } else if constexpr (op == Sub || op == Cmp) {
      if constexpr (live & kCarry) f.carry = a < b;
      if constexpr (live & kOthers) f.set(FlagKind::Sub8, a, r);
    } else if constexpr (op == Adc) {
      const T carries = static_cast<T>((a & b) | ((a | b) & ~r));
      if constexpr (live & kCarry) f.carry = carries >> kTop;
      if constexpr (live & kOthers) f.set_stored(r, ((a ^ r) & (b ^ r)) >> kTop & 1, (a ^ b ^ r) & 16);
    } else if constexpr (op == Sbb) {
      const T borrows = static_cast<T>((~a & b) | ((~a | b) & r));
      if constexpr (live & kCarry) f.carry = borrows >> kTop;
      if constexpr (live & kOthers) f.set_stored(r, ((a ^ b) & (a ^ r)) >> kTop & 1, (a ^ b ^ r) & 16);
    } else {
      if constexpr (live & kCarry) f.carry = 0;
      if constexpr (live & kOthers) f.set_logic(r);
    }
  }
};

/// destination = destination op source.
template <u8 op, unsigned live, class T, class Destination, class Source>
Step binary(Insn* i, Core* c) {
  using Op = Operation<op>;
  if constexpr (Destination::kMemory && Op::kWrites) {
    T a;
    typename Destination::Place place;
    if (!Destination::template update<T>(i, c, a, place)) [[unlikely]]
      return Destination::template miss<Access::Write, &binary<op, kAll, T, General, Source>>(i, c);
    const T b = Source::template get<T>(i, c), r = Op::compute(c, a, b);
    if (!Destination::template put<T>(c, place, r)) [[unlikely]]
      return fault(i, c);
    Op::template set_flags<live>(c, a, b, r);
    return Destination::done(i, c);
  } else if constexpr (Destination::kMemory) {
    T a;
    if (!Destination::template load<T>(i, c, a)) [[unlikely]]
      return Destination::template miss<Access::Read, &binary<op, kAll, T, General, Source>>(i, c);
    const T b = Source::template get<T>(i, c);
    Op::template set_flags<live>(c, a, b, Op::compute(c, a, b));
    return Destination::done(i, c);
  } else if constexpr (Source::kMemory) {
    T b;
    if (!Source::template load<T>(i, c, b)) [[unlikely]]
      return Source::template miss<Access::Read, &binary<op, kAll, T, D, General>>(i, c);
    const T a = Destination::template get<T>(i, c), r = Op::compute(c, a, b);
    Op::template set_flags<live>(c, a, b, r);
    if constexpr (Op::kWrites) Destination::template set<T>(i, c, r);
    return Source::done(i, c);
  } else {
    const T a = Destination::template get<T>(i, c), b = Source::template get<T>(i, c),
            r = Op::compute(c, a, b);
    Op::template set_flags<live>(c, a, b, r);
    if constexpr (Op::kWrites) Destination::template set<T>(i, c, r);
    return next(i, c);
  }
}

}  // namespace ringside::alu
