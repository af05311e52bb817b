// How long exits take on this host, measured. Never mixed with modelled cycles.
//
// A log-linear histogram: 16 steps for each power of two, so that a percentile is exact to about 6 %.
#pragma once

#include <array>

#include "hypervisor/accounting/exit_reason.h"

namespace ringside {

class TimeHistogram {
 public:
  void add(u64 ns);
  u64 samples() const { return samples_; }
  /// The time that `fraction` (0..1) of the samples do not exceed; 0 without samples.
  u64 percentile(double fraction) const;

 private:
  static constexpr unsigned kSteps = 16;
  static unsigned slot(u64 ns);
  static u64 upper_end(unsigned slot);
  std::array<u32, 64 * kSteps> count_{};
  u64 samples_ = 0;
};

/// From the end of one KVM_RUN to the start of the next, by the reason of the exit that lies between.
using ExitTimes = std::array<TimeHistogram, static_cast<std::size_t>(ExitReason::kCount)>;

}  // namespace ringside
