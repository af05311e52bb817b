// Two machines on one virtual switch, stepped together by their guests' time.
//
// Each has a clock of its own, and both tick alike. The one that is behind runs first, but never further than
// one latency of the network beyond the other: what the other might still send it cannot arrive earlier. So
// neither misses a frame, nothing depends on the host, and the same two guests give the same counts to the
// digit. A machine that waits lends its time: the other may run until something wakes it. Simplified: no
// snapshots, for a frame on the cable belongs to neither machine. Source: Chandy & Misra 1979, conservative
// simulation by lookahead.
#pragma once

#include <algorithm>

#include "hypervisor/network/nat.h"
#include "hypervisor/network/switch.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {

struct NetworkConfig {
  LinkConfig link;
  bool nat = false;  ///< the first machine is behind an address translator
};

class MachinePair {
 public:
  struct Side {
    const Image& image;
    VmConfig config;
  };
  /// Builds both machines and connects them; both have the cost profile of the first. Throws HostError.
  MachinePair(Side first, Side second, const NetworkConfig& network);

  /// Until both have ended, or a limit is reached (then Ending::Budget; it can be called again). Returns how
  /// the first machine ended, or the second if only that one ended badly. Limits::instructions holds for each
  /// machine.
  Ending run(const Limits& limits);

  bool ended() const { return first_->ended() && second_->ended(); }
  u64 spent() const { return std::max(first_->spent(), second_->spent()); }  ///< against Limits::instructions
  VirtualMachine& first() { return *first_; }
  VirtualMachine& second() { return *second_; }
  PortStatistics statistics(std::size_t i) const { return ports_[i]->statistics(); }
  const NatPort* nat() const { return nat_.get(); }  ///< nullptr = none

 private:
  std::shared_ptr<VirtualSwitch> switch_;
  std::array<std::shared_ptr<NetworkPort>, 2> ports_;
  std::shared_ptr<NatPort> nat_;
  std::unique_ptr<VirtualMachine> first_, second_;
};

}  // namespace ringside
