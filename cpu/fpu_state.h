// The state of the floating-point and SIMD units, as plain copyable data.
//
// Modelled: the eight 80-bit registers of the x87 in their physical order (the MMX registers are their
// significands), control and status word, which registers are empty, the pointers to the last instruction and
// operand; the eight XMM registers and MXCSR. Simplified: the tag word keeps "empty" only,
// as FXSAVE does; whether a register is zero or special is read off its contents when FSTENV or FSAVE asks.
// Manual: Intel SDM vol. 1 ch. 8, 10.
#pragma once

#include <array>

#include "cpu/address.h"

namespace ringside {

/// A number in double extended-precision format, also one that no operation yields (unnormals and their
/// like).
struct Float80 {
  u64 significand = 0;    ///< with the explicit integer bit
  u16 sign_exponent = 0;  ///< bit 15 sign, bits 0-14 biased exponent
  bool operator==(const Float80&) const = default;
};

/// A 128-bit register.
struct alignas(16) Xmm {
  std::array<u8, 16> bytes{};
  bool operator==(const Xmm&) const = default;
};

/// Bits of the status word. The exceptions have the same places in the control word, where 1 masks them.
namespace x87_status {
inline constexpr u16 IE = 1, DE = 2, ZE = 4, OE = 8, UE = 16, PE = 32, SF = 64, ES = 128, C0 = 1u << 8,
                     C1 = 1u << 9, C2 = 1u << 10, C3 = 1u << 14, B = 1u << 15;
inline constexpr u16 kExceptions = IE | DE | ZE | OE | UE | PE;
inline constexpr u16 kConditions = C0 | C1 | C2 | C3;
inline constexpr unsigned kTopShift = 11;
inline constexpr u16 kTop = 7u << kTopShift;
}  // namespace x87_status

struct FpuState {
  static constexpr u16 kInitialControl = 0x37F;  ///< FINIT: all masked, to nearest, 64 bits

  std::array<Float80, 8> registers{};  ///< R0 to R7; ST(i) is register (TOP + i) mod 8
  u16 control = 0x40;                  ///< after RESET: nothing masked
  u16 status = 0;
  u8 valid = 0xFF;  ///< bit n: register n is not empty. After RESET all hold zero.
  u16 opcode = 0;  ///< of the last instruction that was not control: low 3 bits of the first byte, then ModRM
  u16 cs = 0, ds = 0;
  u32 instruction = 0, operand = 0;  ///< offsets of that instruction and of its memory operand

  bool error_ignored =
      false;  ///< IGNNE#: the error that ES stands for does not stop instructions, if CR0.NE is 0

  static constexpr u32 kInitialMxcsr = 0x1F80;  ///< all masked, to nearest
  std::array<Xmm, 8> xmm{};
  u32 mxcsr = kInitialMxcsr;

  unsigned top() const { return (status >> x87_status::kTopShift) & 7; }
  void set_top(unsigned top) {
    status = static_cast<u16>((status & ~x87_status::kTop) | (top & 7) << x87_status::kTopShift);
  }
  /// Physical number of ST(i).
  unsigned physical(unsigned i) const { return (top() + i) & 7; }
  bool empty(unsigned i) const { return !(valid >> physical(i) & 1); }
  bool operator==(const FpuState&) const = default;
};

}  // namespace ringside
