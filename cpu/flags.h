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
  return static_cast<FlagKind>(static_cast<u8>(kind8) + (sizeof(T) >> 1));
}

constexpr bool parity(u8 value) { return !__builtin_parity(value); }

struct LazyFlags {
  /// The result, sign-extended to 64 bits. Two spare degrees of freedom let any combination of flags be
  /// stored: SF is bit 63, ZF is bits 0-31 being zero, PF the parity of byte 0 xor byte 4 (0 or 0xFF after an
  /// operation).
  u64 result = 1;
  u32 operand = 0;  ///< the first operand; for Stored OF and AF in their EFLAGS places
  u8 carry = 0;     ///< CF
  FlagKind kind = FlagKind::Stored;

  bool cf() const { return carry; }
  bool zf() const { return static_cast<u32>(result) == 0; }
  bool sf() const { return static_cast<i64>(result) < 0; }
  bool pf() const { return parity(static_cast<u8>(result ^ (result >> 32))); }
  bool of() const;
  bool af() const;

  template <class T>
  void set_result(T r) {
    result = static_cast<u64>(static_cast<i64>(static_cast<std::make_signed_t<T>>(r)));
  }
  /// All but CF, of an operation whose OF and AF follow from `a` and `r`.
  template <class T>
  void set(FlagKind kind8, T a, T r) {
    set_result(r);
    operand = a;
    kind = sized<T>(kind8);
  }
  /// All but CF, of a logical operation.
  template <class T>
  void set_logic(T r) {
    set_result(r);
    kind = FlagKind::Logic;
  }
  /// All but CF, with OF and AF known.
  template <class T>
  void set_stored(T r, bool overflow, bool auxiliary) {
    set_result(r);
    operand = (overflow ? eflags::OF : 0) | (auxiliary ? eflags::AF : 0);
    kind = FlagKind::Stored;
  }
  /// Replaces OF and keeps the rest.
  void set_of(bool overflow) {
    operand = (overflow ? eflags::OF : 0) | (af() ? eflags::AF : 0);
    kind = FlagKind::Stored;
  }

  /// The six flags in their EFLAGS places.
  u32 image() const {
    return (cf() ? eflags::CF : 0) | (pf() ? eflags::PF : 0) | (af() ? eflags::AF : 0) |
           (zf() ? eflags::ZF : 0) | (sf() ? eflags::SF : 0) | (of() ? eflags::OF : 0);
  }
  void set_image(u32 flags) {
    const u64 low = flags & eflags::ZF ? 0 : 1;  // byte 0 has even parity exactly when ZF
    const bool even = flags & eflags::ZF;
    const u64 odd_byte = even != static_cast<bool>(flags & eflags::PF) ? u64{1} << 32 : 0;
    result = low | odd_byte | (flags & eflags::SF ? u64{1} << 63 : 0);
    operand = flags & (eflags::OF | eflags::AF);
    carry = flags & eflags::CF;
    kind = FlagKind::Stored;
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
  switch (kind) {
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
  const u32 r = static_cast<u32>(result);
  if (kind == FlagKind::Logic) return false;
  if (kind == FlagKind::Stored) return operand & eflags::AF;
  if (kind <= FlagKind::Add32) return (operand ^ (r - operand) ^ r) & 16;
  if (kind <= FlagKind::Sub32) return (operand ^ (operand - r) ^ r) & 16;
  if (kind <= FlagKind::Inc32) return (r & 15) == 0;
  return (r & 15) == 15;
}

}  // namespace ringside
