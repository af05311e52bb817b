// Floating-point operands that sit on edges: what random bits would hardly ever be.
#pragma once

#include <cstring>
#include <random>

#include "cpu/fpu_state.h"

namespace ringside::test {

class FloatOperands {
 public:
  explicit FloatOperands(std::mt19937_64& random) : random_(random) {}

  u32 below(u32 n) { return static_cast<u32>(random_() % n); }

  /// Mantissa bits below the integer bit: all zeros, all ones, few ones, random.
  u64 fraction(unsigned bits) {
    const u64 mask = bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
    switch (below(6)) {
      case 0: return 0;
      case 1: return mask;
      case 2: return u64{1} << below(bits);
      case 3: return mask << below(bits) & mask;
      default: return random_() & mask;
    }
  }

  Float80 real80() {
    const u16 sign = below(2) ? 0x8000 : 0;
    const auto make = [&](u64 significand, u32 exponent) {
      return Float80{significand, static_cast<u16>(sign | exponent)};
    };
    constexpr u64 kInteger = u64{1} << 63;
    constexpr u32 kBias = 16383;
    switch (below(16)) {
      case 0: return make(0, 0);
      case 1: return make(kInteger, 0x7FFF);                              // infinity
      case 2: return make(kInteger | 3ull << 61 | fraction(61), 0x7FFF);  // QNaN
      case 3: return make(kInteger | 1 | fraction(62), 0x7FFF);           // SNaN
      case 4: return make(fraction(63), 0);                               // denormal
      case 5: return make(kInteger | fraction(63), 0);                    // pseudo-denormal
      case 6: return make(fraction(63), below(0x8000));                   // unnormal and the like
      case 7: return make(kInteger | fraction(63), 1 + below(70));
      case 8: return make(kInteger | fraction(63), 0x7FFE - below(70));
      case 9: return make(kInteger | fraction(63), kBias - 16382 / 2 + below(16382));
      case 10: return make(kInteger | fraction(63), kBias - 1080 + below(60));  // about the least double
      case 11: return make(kInteger | fraction(63), kBias + 1020 + below(8));   // about the greatest
      case 12: return make(kInteger | fraction(63), kBias - 150 + below(300));
      case 13: return make(kInteger, kBias);
      default: return make(kInteger | fraction(63), kBias - 4 + below(70));  // whole numbers and their halves
    }
  }

  u32 real32() {
    static constexpr u32 kExponents[] = {0, 0, 1, 126, 127, 128, 150, 158, 254, 255, 255};
    const u32 exponent = below(3) ? kExponents[below(11)] : below(256);
    return below(2) << 31 | exponent << 23 | static_cast<u32>(fraction(23));
  }

  u64 real64() {
    static constexpr u32 kExponents[] = {0, 0, 1, 1022, 1023, 1024, 1050, 1085, 2046, 2047, 2047};
    const u64 exponent = below(3) ? kExponents[below(11)] : below(2048);
    return u64{below(2)} << 63 | exponent << 52 | fraction(52);
  }

  /// Ten bytes of packed decimal, now and then with a digit that is none.
  void decimal(u8* to) {
    for (int n = 0; n < 9; ++n) to[n] = static_cast<u8>(below(10) << 4 | below(10));
    to[9] = static_cast<u8>(below(2) << 7);
    if (below(4) == 0) to[below(10)] = static_cast<u8>(random_());
  }

  u32 integer32() {
    static constexpr u32 kEdges[] = {0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    return below(2) ? kEdges[below(8)] : static_cast<u32>(random_());
  }

 private:
  std::mt19937_64& random_;
};

}  // namespace ringside::test
