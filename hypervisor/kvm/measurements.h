// What only a real processor can tell of a run, as plain data. All of it is measured on this host and differs
// from run to run; nothing here is ever added to modelled cycles.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hypervisor/accounting/exit_reason.h"

namespace ringside {

/// A counter of the host kernel's (KVM_GET_STATS_FD), for exits that never reach user space.
struct KvmCounter {
  std::string name;
  u64 value = 0;
};

struct KvmMeasurements {
  /// Wall time in user space between two KVM_RUN, by the reason of the exit that lies between.
  struct ExitTime {
    ExitReason reason{};
    u64 samples = 0, median_ns = 0, p99_ns = 0;
  };
  bool emulated_host =
      false;         ///< the host is itself emulated (--kvm-host): its times say nothing about speed
  u64 entries = 0;   ///< how often KVM_RUN was called
  u64 guest_ns = 0;  ///< wall time inside KVM_RUN
  std::optional<u64> dirty_pages;  ///< pages that the guest has written; none where the host cannot tell
  std::vector<ExitTime> exit_times;
  std::vector<KvmCounter> processor, machine;  ///< of the host kernel; those that are not 0
};

/// Set in the throw-away host (ui/kvm-host).
bool host_is_emulated();

}  // namespace ringside
