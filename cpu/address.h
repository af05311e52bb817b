// Address kinds as distinct types, so that mixing them up is a compile error.
//
// Modelled: the three kinds of address that a virtualized x86 has. A *linear* address is what segmentation
// yields and paging consumes. A *guest-physical* address is what the guest believes to be physical. A
// *machine-physical* address is a real one. On bare metal the last two are the same number; under a monitor
// they differ, and the monitor's map between them is what shadow paging, direct paging and EPT are about.
// Simplified: physical addresses are 64-bit integers whatever the CPU model's MAXPHYADDR.
// Manual: Intel SDM vol. 3, chapters 3 (linear), 4 (physical), 29 (guest-physical).
#pragma once

#include <compare>
#include <cstdint>

namespace ringside {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

inline constexpr u32 kPageSize = 4096;
inline constexpr u32 kPageMask = kPageSize - 1;

template <class Tag, class Word>
struct Address {
  Word value = 0;

  constexpr Address() = default;
  constexpr explicit Address(Word v) : value(v) {}

  constexpr Address page() const { return Address(value & ~Word{kPageMask}); }
  constexpr u32 offset() const { return static_cast<u32>(value & kPageMask); }
  constexpr Word frame() const { return value >> 12; }
  constexpr Address operator+(Word n) const { return Address(value + n); }
  constexpr auto operator<=>(const Address&) const = default;
};

using LinearAddr = Address<struct LinearTag, u32>;
using GuestPhys = Address<struct GuestPhysTag, u64>;
using MachinePhys = Address<struct MachinePhysTag, u64>;

}  // namespace ringside
