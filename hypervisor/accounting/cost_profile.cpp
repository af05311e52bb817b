#include "hypervisor/accounting/cost_profile.h"

#include <initializer_list>
#include <vector>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside {
namespace {

using E = CostEvent;
constexpr auto V = Provenance::Verified, D = Provenance::Derived, I = Provenance::Illustrative;

constexpr std::string_view kAdamsAgesen = "Adams & Agesen, ASPLOS 2006";
constexpr std::string_view kBhargava = "Bhargava et al., ASPLOS 2008";
constexpr std::string_view kUnit = "the model's unit: one cycle for a simple instruction";
constexpr std::string_view kPvm = "derived from the round trips in PVM, SOSP 2023, at 2.5 GHz";
constexpr std::string_view kPlausible = "order of magnitude only, no publication";

struct Row {
  CostEvent event;
  Price pentium4, sandybridge, cascadelake;
};

// clang-format off
constexpr std::array<Row, static_cast<std::size_t>(E::kCount)> kRows{{
    // event                     pentium4-2006, 3.8 GHz      sandybridge-2012, 2.6 GHz     cascadelake-2019, 2.5 GHz
    {E::Instruction,           {1, I, kUnit}, {1, I, kUnit}, {1, I, kUnit}},
    {E::StringIteration,       {1, I, kUnit}, {1, I, kUnit}, {1, I, kUnit}},
    {E::NativePortIo,          {3209, V, "Adams & Agesen, ASPLOS 2006: nanobenchmark in, native"},
                               {1500, I, kPlausible}, {1500, I, kPlausible}},
    {E::NativeCr3Write,        {600, I, kPlausible}, {200, I, kPlausible}, {200, I, kPlausible}},
    {E::WalkReferenceCached,   {2, V, kBhargava}, {2, V, kBhargava}, {2, V, kBhargava}},
    {E::WalkReferenceL2,       {11, V, kBhargava}, {11, V, kBhargava}, {11, V, kBhargava}},
    {E::SystemCallDelivery,    {242, V, "Adams & Agesen, ASPLOS 2006: nanobenchmark syscall, native"},
                               {140, I, kPlausible},
                               {150, D, kPvm}},
    {E::ExceptionDelivery,     {889, V, "Adams & Agesen, ASPLOS 2006: nanobenchmark divzero, native"},
                               {500, I, kPlausible}, {500, I, kPlausible}},
    {E::PageFaultDelivery,     {1093, V, "Adams & Agesen, ASPLOS 2006: nanobenchmark pgfault, native"},
                               {700, I, kPlausible},
                               {375, D, "PVM, SOSP 2023: lmbench page fault with EPT, 0.15 us at 2.5 GHz"}},
    {E::VmExitEntry,           {3963, V, "Agesen et al. 2012: Prescott"},
                               {784, V, "Agesen et al. 2012: Sandy Bridge"},
                               {525, D, kPvm}},
    {E::RingTransition,        {889, D, "an exception and IRET: nanobenchmark divzero, native (Adams & Agesen 2006)"},
                               {500, I, "an exception and IRET"}, {500, I, "an exception and IRET"}},
    {E::ParavirtualTransition, {1572, D, "Xen, SOSP 2003: page fault 2.73 - 1.42 us at 2.4 GHz, in and back out"},
                               {600, I, kPlausible}, {450, I, kPlausible}},
    {E::Vmread,                {178, V, kAdamsAgesen}, {5, I, kPlausible}, {5, I, kPlausible}},
    {E::Vmwrite,               {171, V, kAdamsAgesen}, {4, I, kPlausible}, {4, I, kPlausible}},
    {E::DecodeAndEmulate,      {1141, D, "trap-and-emulate of RDTSC 2030 (Adams & Agesen 2006) less the transition 889"},
                               {500, I, "trap-and-emulate 1000 less the transition"},
                               {500, I, "trap-and-emulate 1000 less the transition"}},
    {E::GuestWalkReference,    {50, D, "with InjectEvent: a reflected page fault costs 3927, as under BT (Adams & Agesen 2006)"},
                               {15, I, "an L2 hit and its checks"}, {15, I, "an L2 hit and its checks"}},
    {E::ShadowEntryWrite,      {1115, D, "hidden fault 2104 = ptemod NP-P less P-NP under BT (Adams & Agesen 2006)"},
                               {1420, I, "as on cascadelake-2019"},
                               {1420, D, "hidden fault 1950 = lmbench page fault, shadow less EPT (PVM, SOSP 2023)"}},
    {E::PageTableUpdate,       {200, I, kPlausible}, {120, I, kPlausible}, {120, I, kPlausible}},
    {E::HypercallDispatch,     {185, D, "with InjectEvent: Xen's page fault costs 1.31 us more than native (SOSP 2003)"},
                               {462, I, "hypercall round trip 1300 less exit and VMCS accesses"},
                               {571, D, "hypercall 0.46 us at 2.5 GHz (PVM, SOSP 2023) less exit and VMCS accesses"}},
    {E::InjectEvent,           {908, D, "a reflected page fault costs 3927, as under BT (Adams & Agesen 2006)"},
                               {300, I, kPlausible}, {250, I, kPlausible}},
    {E::EptEntryWrite,         {4166, I, "this processor had no EPT: the price of sandybridge-2012"},
                               {4166, I, "EPT violation handled 5000 less exit and VMCS accesses"},
                               {9505, D, "EPT violation handled 10080 (PVM, SOSP 2023) less exit and VMCS accesses"}},
    {E::UserSpaceRoundTrip,    {9696, D, "nanobenchmark in under VT-x 15826 (Adams & Agesen 2006) less exit, VMCS accesses and device"},
                               {9062, I, "port I/O 10000 less exit, VMCS accesses and device"},
                               {8796, D, "port I/O 3.79 us at 2.5 GHz (PVM, SOSP 2023) less exit, VMCS accesses and device"}},
    {E::DeviceAccess,          {216, V, "nanobenchmark in under BT, where only the device model is left (Adams & Agesen 2006)"},
                               {100, I, kPlausible}, {100, I, kPlausible}},
    {E::RingRequest,           {1000, I, kPlausible}, {600, I, kPlausible}, {500, I, kPlausible}},
    {E::NatTranslation,        {45500, I, "as on sandybridge-2012"},
                               {45500, D, "17.5 us: half of what NAT adds to a round trip, 73 - 38 us (Felter et al. 2015, chart)"},
                               {45500, I, "as on sandybridge-2012"}},
}};
// clang-format on

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].event != static_cast<E>(i)) return false;
  return true;
}
static_assert(in_enum_order(), "one row per event, in the order of the enumeration");

constexpr CostProfile make_profile(std::string_view name, std::string_view description, u64 hz,
                                   Price Row::*column) {
  CostProfile profile{name, description, hz, {}};
  for (std::size_t i = 0; i < kRows.size(); ++i) profile.prices[i] = kRows[i].*column;
  return profile;
}

constexpr std::array kProfiles{
    make_profile("pentium4-2006", "Pentium 4 672 at 3.8 GHz, first VT-x: nearly every price is published",
                 3'800'000'000, &Row::pentium4),
    make_profile("sandybridge-2012",
                 "Sandy Bridge at 2.6 GHz: cheap exits, EPT; many prices are illustrative", 2'600'000'000,
                 &Row::sandybridge),
    make_profile("cascadelake-2019", "Xeon 8269CY at 2.5 GHz with page-table isolation", 2'500'000'000,
                 &Row::cascadelake),
};
constexpr const CostProfile& kDefault = kProfiles[1];

struct Count {
  CostEvent event;
  u32 n;
};
constexpr EventVector sequence(std::initializer_list<Count> counts) {
  EventVector events{};
  for (const Count& c : counts) events[static_cast<std::size_t>(c.event)] += c.n;
  return events;
}

constexpr Count kExit{E::VmExitEntry, 1}, kVmreads{E::Vmread, kVmreadsPerExit};

constexpr std::array kRoundTrips{
    RoundTrip{"one privileged instruction, trapped and emulated",
              sequence({{E::RingTransition, 1}, {E::DecodeAndEmulate, 1}}),
              {{{2030, V, "Adams & Agesen 2006, section 3.3: RDTSC, trap-and-emulate"},
                {1000, I, kPlausible},
                {1000, I, kPlausible}}}},
    RoundTrip{"page fault reflected by a trap-and-emulate monitor, IRET included",
              sequence({{E::RingTransition, 2},
                        {E::GuestWalkReference, 2},
                        {E::InjectEvent, 1},
                        {E::DecodeAndEmulate, 1}}),
              {{{3927, V, "Adams & Agesen 2006: nanobenchmark pgfault, BT"}, {}, {}}}},
    RoundTrip{"hidden page fault, shadow paging",
              sequence({{E::RingTransition, 1}, {E::GuestWalkReference, 2}, {E::ShadowEntryWrite, 1}}),
              {{{2104, D, "Adams & Agesen 2006: ptemod NP-P 2121 less P-NP 17, BT"},
                {},
                {1950, D, "PVM, SOSP 2023: lmbench page fault 0.93 - 0.15 us at 2.5 GHz"}}}},
    RoundTrip{"page fault and return, paravirtual",
              sequence({{E::ParavirtualTransition, 2}, {E::InjectEvent, 1}, {E::HypercallDispatch, 1}}),
              {{{4237, D, "Xen, SOSP 2003: 2.73 - 1.42 us at 2.4 GHz, and native's 1093"}, {}, {}}}},
    RoundTrip{"VM exit with ten VMREADs, hardware assistance",
              sequence({kExit, kVmreads}),
              {{{5743, D, "Agesen 2012 and Adams & Agesen 2006: 3963 + 10 x 178"}, {}, {}}}},
    RoundTrip{"hypercall, hardware assistance",
              sequence({kExit, kVmreads, {E::Vmwrite, 1}, {E::HypercallDispatch, 1}}),
              {{{}, {1300, I, kPlausible}, {1150, D, "PVM, SOSP 2023: hypercall 0.46 us at 2.5 GHz"}}}},
    RoundTrip{"port access, hardware assistance, device in user space",
              sequence({kExit, kVmreads, {E::Vmwrite, 1}, {E::UserSpaceRoundTrip, 1}, {E::DeviceAccess, 1}}),
              {{{15826, V, "Adams & Agesen 2006: nanobenchmark in, VT-x"},
                {10000, I, kPlausible},
                {9475, D, "PVM, SOSP 2023: port I/O 3.79 us at 2.5 GHz"}}}},
    RoundTrip{"EPT violation handled, one entry",
              sequence({kExit, kVmreads, {E::EptEntryWrite, 1}}),
              {{{}, {5000, I, kPlausible}, {10080, D, kPvm}}}},
};
static_assert(kRoundTrips[0].published.size() == kProfiles.size());

}  // namespace

std::string_view name(Provenance p) {
  constexpr std::array<std::string_view, 4> kNames{"verified", "secondary", "derived", "illustrative"};
  return kNames[static_cast<std::size_t>(p)];
}

std::span<const CostProfile> cost_profiles() { return kProfiles; }

const CostProfile& cost_profile(std::string_view wanted) {
  std::vector<std::string_view> known;
  for (const CostProfile& profile : kProfiles) {
    if (profile.name == wanted) return profile;
    known.push_back(profile.name);
  }
  throw HostError(unknown_name("profile", wanted, known));
}

const CostProfile& default_cost_profile() { return kDefault; }

std::span<const RoundTrip> round_trips() { return kRoundTrips; }

u64 price(const EventVector& events, const CostProfile& profile) {
  u64 sum = 0;
  for (std::size_t i = 0; i < events.size(); ++i) sum += u64{events[i]} * profile.prices[i].cycles;
  return sum;
}

}  // namespace ringside
