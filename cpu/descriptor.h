// A segment descriptor as it lies in a GDT or LDT.
// Manual: Intel SDM vol. 3 section 3.4.5.
#pragma once

#include "cpu/state.h"

namespace ringside {

/// The 8 bytes of a GDT or LDT entry.
struct Descriptor {
  static constexpr u32 kAccessedBit = 0x100;  ///< in `high`

  u32 low = 0, high = 0;

  u32 access() const { return (high >> 8) & 0xF0FF; }  ///< VMCS layout
  u32 dpl() const { return (high >> 13) & 3; }
  bool present() const { return high & 0x8000; }
  bool s() const { return high & 0x1000; }
  u32 type() const { return (high >> 8) & 15; }
  u32 base() const { return (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF000000u); }
  u32 limit() const {
    u32 raw = (low & 0xFFFF) | (high & 0xF0000);
    return high & 0x800000 ? (raw << 12) | 0xFFF : raw;
  }
};

}  // namespace ringside
