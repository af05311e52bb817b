#include "hypervisor/kvm/exit_times.h"

#include <bit>

namespace ringside {

unsigned TimeHistogram::slot(u64 ns) {
  if (ns < kSteps) return static_cast<unsigned>(ns);
  const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 5;
  return (shift + 1) * kSteps + static_cast<unsigned>(ns >> shift) - kSteps;
}

u64 TimeHistogram::upper_end(unsigned slot) {
  if (slot < kSteps) return slot;
  const unsigned shift = slot / kSteps - 1;
  return ((u64{slot % kSteps + kSteps} + 1) << shift) - 1;
}

void TimeHistogram::add(u64 ns) {
  ++count_[slot(ns)];
  ++samples_;
}

u64 TimeHistogram::percentile(double fraction) const {
  const u64 wanted = static_cast<u64>(fraction * static_cast<double>(samples_) + 0.5);
  u64 seen = 0;
  for (unsigned i = 0; i < count_.size(); ++i) {
    seen += count_[i];
    if (seen && seen >= wanted) return upper_end(i);
  }
  return 0;
}

}  // namespace ringside
