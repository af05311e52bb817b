// The paravirtual timer: an event every so often on the simulated clock. A guest that could not run for
// several periods gets one event, and the count of periods in shared_info.ticks.
#pragma once

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/machine.h"
#include "hypervisor/para/direct_paging.h"

namespace ringside::para {

class PeriodicTimer {
 public:
  /// RS_HC_SET_TIMER. Times in cycles of a clock of `hz`.
  Status set(u32 microseconds, u64 now, u64 hz);
  /// Periods that have ended since the last call.
  u64 take_ticks(u64 now);
  u64 next_deadline() const { return period_ ? next_ : Machine::kNever; }

 private:
  u64 period_ = 0;  // 0 = stopped
  u64 next_ = 0;
};

}  // namespace ringside::para
