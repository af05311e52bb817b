// What a device model is to the bus: registers at offsets, and moments at which it wants to act.
//
// A device knows offsets, never its address or its interrupt number: machine_layout.h gives it those. Its
// state is one plain copyable struct, which a snapshot copies and a debugger reads without side effects.
#pragma once

#include "cpu/address.h"

namespace ringside {

inline constexpr u64 kNoDeadline = ~u64{0};

class Device {
 public:
  virtual ~Device() = default;
  /// `size` is 1, 2 or 4 bytes, never more than the device's range in the layout says; the value is
  /// zero-extended.
  virtual u32 read(u32 offset, unsigned size) = 0;
  virtual void write(u32 offset, u32 value, unsigned size) = 0;
  /// When the device next acts by itself, in cycles of the machine's clock. Cheap: asked after every access.
  virtual u64 deadline() const { return kNoDeadline; }
  /// Does what is due by now.
  virtual void advance() {}
};

}  // namespace ringside
