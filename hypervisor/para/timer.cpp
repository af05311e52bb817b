#include "hypervisor/para/timer.h"

#include <algorithm>

namespace ringside::para {

Status PeriodicTimer::set(u32 microseconds, u64 now, u64 hz) {
  if (microseconds != 0 && microseconds < RS_TIMER_MIN) return -RS_EINVAL;
  period_ = microseconds ? std::max<u64>(1, u64{microseconds} * hz / 1'000'000) : 0;
  next_ = now + period_;
  return 0;
}

u64 PeriodicTimer::take_ticks(u64 now) {
  if (!period_ || now < next_) return 0;
  const u64 ticks = (now - next_) / period_ + 1;
  next_ += ticks * period_;
  return ticks;
}

}  // namespace ringside::para
