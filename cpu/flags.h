// The arithmetic flags, computed when somebody looks.
//
// An operation that sets flags stores its result, its first operand and what kind of operation it was; CF
// alone is computed at once, because ADC, SBB, INC and the comparisons of unsigned numbers need nothing else.
// ZF, SF and PF come from the result whatever the operation was; only OF and AF ask for the kind. Manual:
// Intel SDM vol. 1 section 3.4.3.1, appendix A (EFLAGS cross-reference).
#pragma once

#include <type_traits>

#include "cpu/state.h"

namespace ringside {

/// How OF and AF follow from the result and the operand. The three sizes of an operation follow each other.
enum class FlagKind : u8 {
  Logic,
  Stored,
  Add8,
  Add16,
  Add32,
  Sub8,
  Sub16,
  Sub32,
  Inc8,
  Inc16,
  Inc32,
  Dec8,
  Dec16,
  Dec32
};

template <class T>
constexpr FlagKind sized(FlagKind kind8) {
  return static_cast<FlagKind>(static_cast<u32>(kind8) + (sizeof(T) >> 1));
}

constexpr bool parity(u8 value) { return !__builtin_parity(value); }

struct LazyFlags {
  u32 result = 1;   ///< sign-extended from the operation's size
  u32 operand = 0;  ///< the first operand; for Stored OF and AF in their EFLAGS places
  /// The kind in the low byte. With Stored, bit 8 inverts SF and bit 9 inverts PF, so that any combination of
  /// flags can be represented; with the others they are 0.
  u32 kind_bits = static_cast<u32>(FlagKind::Stored);
  u8 carry = 0;  ///< CF

  static constexpr u32 kInvertSf = 1u << 8, kInvertPf = 1u << 9;

  FlagKind kind() const { return static_cast<FlagKind>(kind_bits & 0xFF); }
  void set_kind(FlagKind kind) { kind_bits = static_cast<u32>(kind); }
  bool cf() const { return carry; }
  bool zf() const { return result == 0; }
  bool sf() const { return (result ^ kind_bits << 23) >> 31; }
  bool pf() const { return parity(static_cast<u8>(result ^ kind_bits >> 9)); }
  bool of() const;
  bool af() const;

  template <class T>
  void set_result(T r) {
    result = static_cast<u32>(static_cast<i32>(static_cast<std::make_signed_t<T>>(r)));
  }
  /// All but CF, of an operation whose OF and AF follow from `a` and `r`.
  template <class T>
  void set(FlagKind kind8, T a, T r) {
    set_result(r);
    operand = a;
    set_kind(sized<T>(kind8));
  }
  /// All but CF, of a logical operation.
  template <class T>
  void set_logic(T r) {
    set_result(r);
    set_kind(FlagKind::Logic);
  }
  /// All but CF, with OF and AF known.
  template <class T>
  void set_stored(T r, bool overflow, bool auxiliary) {
    set_result(r);
    operand = (overflow ? eflags::OF : 0) | (auxiliary ? eflags::AF : 0);
    set_kind(FlagKind::Stored);
  }
  /// Replaces OF and keeps the rest.
  void set_of(bool overflow) {
    operand = (overflow ? eflags::OF : 0) | (af() ? eflags::AF : 0);
    kind_bits = static_cast<u32>(FlagKind::Stored) | (kind_bits & (kInvertSf | kInvertPf));
  }

  /// The six flags in their EFLAGS places.
  u32 image() const {
    return (cf() ? eflags::CF : 0) | (pf() ? eflags::PF : 0) | (af() ? eflags::AF : 0) |
           (zf() ? eflags::ZF : 0) | (sf() ? eflags::SF : 0) | (of() ? eflags::OF : 0);
  }
  void set_image(u32 flags) {
    const bool zero = flags & eflags::ZF;
    result = zero ? 0 : 1;  // of even parity exactly when zero
    operand = flags & (eflags::OF | eflags::AF);
    carry = flags & eflags::CF;
    kind_bits = static_cast<u32>(FlagKind::Stored) | (flags & eflags::SF ? kInvertSf : 0) |
                (zero != static_cast<bool>(flags & eflags::PF) ? kInvertPf : 0);
  }
};

namespace detail {

template <class T>
bool overflow(const LazyFlags& f, bool subtract) {
  const T a = static_cast<T>(f.operand), r = static_cast<T>(f.result);
  const T b = static_cast<T>(subtract ? a - r : r - a);
  const T v = static_cast<T>(subtract ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r));
  return v >> (sizeof(T) * 8 - 1);
}

template <class T>
bool result_is(const LazyFlags& f, T value) {
  return static_cast<T>(f.result) == value;
}

}  // namespace detail

inline bool LazyFlags::of() const {
  switch (kind()) {
    case FlagKind::Logic: return false;
    case FlagKind::Stored: return operand & eflags::OF;
    case FlagKind::Add8: return detail::overflow<u8>(*this, false);
    case FlagKind::Add16: return detail::overflow<u16>(*this, false);
    case FlagKind::Add32: return detail::overflow<u32>(*this, false);
    case FlagKind::Sub8: return detail::overflow<u8>(*this, true);
    case FlagKind::Sub16: return detail::overflow<u16>(*this, true);
    case FlagKind::Sub32: return detail::overflow<u32>(*this, true);
    case FlagKind::Inc8: return detail::result_is<u8>(*this, 0x80);
    case FlagKind::Inc16: return detail::result_is<u16>(*this, 0x8000);
    case FlagKind::Inc32: return detail::result_is<u32>(*this, 0x80000000u);
    case FlagKind::Dec8: return detail::result_is<u8>(*this, 0x7F);
    case FlagKind::Dec16: return detail::result_is<u16>(*this, 0x7FFF);
    case FlagKind::Dec32: return detail::result_is<u32>(*this, 0x7FFFFFFFu);
  }
  return false;
}

inline bool LazyFlags::af() const {
  const u32 r = result;
  const FlagKind kind = this->kind();
  if (kind == FlagKind::Logic) return false;
  if (kind == FlagKind::Stored) return operand & eflags::AF;
  if (kind <= FlagKind::Add32) return (operand ^ (r - operand) ^ r) & 16;
  if (kind <= FlagKind::Sub32) return (operand ^ (operand - r) ^ r) & 16;
  if (kind <= FlagKind::Inc32) return (r & 15) == 0;
  return (r & 15) == 15;
}

}  // namespace ringside
