// What this host's KVM can really do, found out by doing it: a tiny guest for each ability.
//
// Some hosts offer /dev/kvm on a software back end that runs real mode and flat code, and stops at the first
// interrupt or page table. Flags do not tell; these guests do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpu/address.h"

namespace ringside {

struct KvmAbility {
  std::string name;  ///< "4 KiB paging"
  bool works = false;
  std::string detail;  ///< how it ended if it does not work
};

inline constexpr const char *kInt3Breakpoints = "INT3 breakpoints", *kWatchpoints = "watchpoints";

struct KvmProbe {
  std::string error;  ///< why /dev/kvm cannot be used at all, with the remedy; empty if it can
  std::vector<KvmAbility> abilities;      ///< what guests need
  std::vector<KvmAbility> for_debuggers;  ///< guests run without these
  u64 port_write_ns = 0;                  ///< measured: one OUT that reaches user space, and back

  bool usable() const { return error.empty(); }
  bool works(std::string_view ability) const;
  bool complete() const;  ///< all that guests need
  /// Of what guests need: "INT n and IRET, 4 KiB paging"; empty if all work.
  std::string missing() const;
};

/// Tries everything; some milliseconds. Never throws.
KvmProbe probe_kvm();
/// The same, tried once in this process.
const KvmProbe& host_kvm();

}  // namespace ringside
