// Prices, in cycles, with their sources. Four files hold the policy of the project; this table is one of
// them.
//
// Publications give the price of whole round trips ("a port access takes 15826 cycles"), the ledger counts
// finer events, so that other sequences can be predicted. Prices are therefore chosen such that the published
// round trips come out when a monitor counts:
//
//   hvm   every exit                VmExitEntry + kVmreadsPerExit x Vmread (Adams & Agesen: "about 10")
//         emulated instruction       ... + Vmwrite (of EIP)
//         port or memory-mapped I/O  ... + Vmwrite + UserSpaceRoundTrip + DeviceAccess   (MMIO also
//         DecodeAndEmulate) VMCALL                     ... + Vmwrite + HypercallDispatch EPT violation ... +
//         EptEntryWrite for each entry written injecting an event         ... + Vmwrite for each field
//         written; the processor then counts the delivery
//   trap  privileged, sensitive      RingTransition + DecodeAndEmulate
//         port I/O                   ... + UserSpaceRoundTrip + DeviceAccess
//         reflected event            RingTransition + InjectEvent (page fault: + GuestWalkReference for each
//         reference) hidden page fault          RingTransition + GuestWalkReference for each +
//         ShadowEntryWrite for each traced page-table write    RingTransition + DecodeAndEmulate +
//         ShadowEntryWrite for each
//   para  every hypercall            ParavirtualTransition + HypercallDispatch, + PageTableUpdate for each,
//                                    + RingRequest + DeviceAccess for each request taken from a ring
//         bounced fault or event     ParavirtualTransition + InjectEvent
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "hypervisor/accounting/ledger.h"

namespace ringside {

/// VMCS fields that a monitor reads to find out what an exit is about (Adams & Agesen 2006, section 3.3).
inline constexpr u32 kVmreadsPerExit = 10;

/// How far a price can be trusted.
enum class Provenance : u8 {
  Verified,      ///< read in the primary paper
  Secondary,     ///< a secondary text
  Derived,       ///< computed from verified figures; the source says how
  Illustrative,  ///< plausible, unverified: never present it as published
};
std::string_view name(Provenance);

struct Price {
  u32 cycles = 0;
  Provenance provenance = Provenance::Illustrative;
  std::string_view source;
};

class CostProfile {
 public:
  std::string_view name;  ///< "pentium4-2006"
  std::string_view description;
  u64 hz = 0;  ///< clock rate: the guest's timers run on it
  std::array<Price, static_cast<std::size_t>(CostEvent::kCount)> prices{};

  u32 operator[](CostEvent e) const { return prices[static_cast<std::size_t>(e)].cycles; }
};

std::span<const CostProfile> cost_profiles();
/// Throws HostError with a suggestion for an unknown name.
const CostProfile& cost_profile(std::string_view name);
/// "sandybridge-2012"
const CostProfile& default_cost_profile();

/// A sequence of events whose price as a whole has been published, one figure for each profile in their
/// order.
struct RoundTrip {
  std::string_view name;
  EventVector events;
  std::array<Price, 3> published;  ///< cycles 0: not published, or the processor cannot do it
};
std::span<const RoundTrip> round_trips();
u64 price(const EventVector&, const CostProfile&);

}  // namespace ringside
