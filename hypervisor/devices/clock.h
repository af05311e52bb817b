// Simulated time, and its conversion to a device's own ticks without rounding drift.
#pragma once

#include "cpu/address.h"

namespace ringside {

/// Simulated time, in cycles of the active cost profile.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual u64 now() const = 0;  ///< monotonic; exact also inside a device callback
  virtual u64 hz() const = 0;
};

__extension__ using Wide = unsigned __int128;

/// How many whole ticks of a `tick_hz` oscillator have passed after `cycles`.
inline u64 ticks_at(u64 cycles, u64 tick_hz, u64 clock_hz) {
  return static_cast<u64>(Wide{cycles} * tick_hz / clock_hz);
}
/// The first cycle at which `ticks` whole ticks have passed: ticks_at() of it is `ticks` (if the clock is the
/// faster).
inline u64 cycle_of_tick(u64 ticks, u64 tick_hz, u64 clock_hz) {
  return static_cast<u64>((Wide{ticks} * clock_hz + tick_hz - 1) / tick_hz);
}
inline u64 microseconds(u64 n, u64 clock_hz) { return cycle_of_tick(n, 1'000'000, clock_hz); }

}  // namespace ringside
