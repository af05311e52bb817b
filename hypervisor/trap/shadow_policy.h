// What a shadow-paging policy decides. The mechanism in shadow_paging.h does the work.
//
// Any policy must let the guest see what a processor with a TLB would have shown it: a translation may be
// stale until INVLPG or a CR3 write, never longer.
#pragma once

#include <array>
#include <string_view>

namespace ringside {

struct ShadowPolicy {
  std::string_view name;
  /// Guest page tables that have a shadow are write-protected; a write to one is emulated and carried into
  /// the shadow at once. Without it the shadow behaves like a TLB: INVLPG drops one entry.
  bool trace_tables = true;
  /// Shadows outlive a CR3 write, so that the process that is switched back to finds its own.
  bool keep_across_cr3_write = true;
  /// After this many traced writes to a table without a fault through it, it is taken for ordinary memory
  /// again (a freed page table that is reused as data) and its shadow is dropped.
  unsigned flood_limit = 3;
  /// The first write to a traced page table (not a directory) lifts its protection instead of being emulated:
  /// table and shadow go out of sync, as a TLB may, until INVLPG (that entry) or a CR3 write (all).
  bool unsync = false;
};

/// Fill on demand, forget on every CR3 write: the simplest that is right.
inline constexpr ShadowPolicy kShadowDemand{"demand", false, false};
/// One shadow kept for each guest table, kept true by tracing.
inline constexpr ShadowPolicy kShadowCached{"cached", true, true};
/// As cached, but page tables in use go out of sync: as KVM's shadow MMU does.
inline constexpr ShadowPolicy kShadowUnsync{.name = "unsync", .unsync = true};

inline constexpr std::array kShadowPolicies{kShadowDemand, kShadowCached, kShadowUnsync};
/// Throws HostError with a suggestion.
const ShadowPolicy& parse_shadow_policy(std::string_view name);

}  // namespace ringside
