// The sixteen conditions of Jcc, SETcc and CMOVcc, from lazy flags and straight from a comparison's operands.
// Manual: Intel SDM vol. 1 appendix B.
#pragma once

#include "cpu/flags.h"

namespace ringside {

enum Condition : u8 { kO, kNO, kB, kAE, kE, kNE, kBE, kA, kS, kNS, kP, kNP, kL, kGE, kLE, kG };

template <u8 cc>
[[gnu::always_inline]] inline bool condition(const LazyFlags& f) {
  bool v;
  if constexpr (cc / 2 == kO / 2)
    v = f.of();
  else if constexpr (cc / 2 == kB / 2)
    v = f.carry;
  else if constexpr (cc / 2 == kE / 2)
    v = f.zf();
  else if constexpr (cc / 2 == kBE / 2)
    v = f.carry || f.zf();
  else if constexpr (cc / 2 == kS / 2)
    v = f.sf();
  else if constexpr (cc / 2 == kP / 2)
    v = f.pf();
  else if constexpr (cc / 2 == kL / 2)
    v = f.sf() != f.of();
  else
    v = f.zf() || f.sf() != f.of();
  return v != (cc & 1);
}

/// After CMP a, b.
template <u8 cc, class T>
[[gnu::always_inline]] inline bool condition_of_compare(T a, T b) {
  using Signed = std::make_signed_t<T>;
  const T r = static_cast<T>(a - b);
  bool v;
  if constexpr (cc / 2 == kO / 2)
    v = static_cast<Signed>((a ^ b) & (a ^ r)) < 0;
  else if constexpr (cc / 2 == kB / 2)
    v = a < b;
  else if constexpr (cc / 2 == kE / 2)
    v = a == b;
  else if constexpr (cc / 2 == kBE / 2)
    v = a <= b;
  else if constexpr (cc / 2 == kS / 2)
    v = static_cast<Signed>(r) < 0;
  else if constexpr (cc / 2 == kP / 2)
    v = parity(static_cast<u8>(r));
  else if constexpr (cc / 2 == kL / 2)
    v = static_cast<Signed>(a) < static_cast<Signed>(b);
  else
    v = static_cast<Signed>(a) <= static_cast<Signed>(b);
  return v != (cc & 1);
}

/// After a logical operation with result r.
template <u8 cc, class T>
[[gnu::always_inline]] inline bool condition_of_logic(T r) {
  using Signed = std::make_signed_t<T>;
  bool v;
  if constexpr (cc / 2 == kO / 2 || cc / 2 == kB / 2)
    v = false;
  else if constexpr (cc / 2 == kE / 2 || cc / 2 == kBE / 2)
    v = r == 0;
  else if constexpr (cc / 2 == kS / 2 || cc / 2 == kL / 2)
    v = static_cast<Signed>(r) < 0;
  else if constexpr (cc / 2 == kP / 2)
    v = parity(static_cast<u8>(r));
  else
    v = static_cast<Signed>(r) <= 0;
  return v != (cc & 1);
}

}  // namespace ringside
