// Prices, in cycles, with their sources. Four files hold the policy of the project; this table is one of them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "hypervisor/ledger.h"

namespace ringside {

/// How far a price can be trusted.
enum class Provenance : u8 {
  Verified,      ///< read in the primary paper
  Secondary,     ///< a secondary text
  Derived,       ///< computed from verified figures; the source says how
  Illustrative,  ///< plausible, unverified: never present it as published
};

struct Price {
  u32 cycles = 0;
  Provenance provenance = Provenance::Illustrative;
  std::string_view source;
};

class CostProfile {
 public:
  std::string_view name;         ///< "pentium4-2006"
  std::string_view description;
  u64 hz = 0;                    ///< clock rate: the guest's timers run on it
  std::array<Price, static_cast<std::size_t>(CostEvent::kCount)> prices{};

  u32 operator[](CostEvent e) const { return prices[static_cast<std::size_t>(e)].cycles; }
};

std::span<const CostProfile> cost_profiles();
/// Throws HostError with a suggestion for an unknown name.
const CostProfile& cost_profile(std::string_view name);
/// "sandybridge-2012"
const CostProfile& default_cost_profile();

}  // namespace ringside
