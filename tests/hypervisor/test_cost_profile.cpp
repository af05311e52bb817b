// The prices: complete, sourced, and such that the published round trips come out of them.

#include "hypervisor/accounting/cost_profile.h"

#include <set>

#include "cpu/host_error.h"
#include "tests/catch.h"

using namespace ringside;
using ringside::test::contains;

TEST_CASE("every price has a source and every profile a clock") {
  REQUIRE(cost_profiles().size() == 3);
  for (const CostProfile& profile : cost_profiles()) {
    INFO(profile.name);
    CHECK(profile.hz >= 2'000'000'000);
    CHECK(!profile.description.empty());
    for (std::size_t i = 0; i < profile.prices.size(); ++i) {
      INFO(name(static_cast<CostEvent>(i)));
      CHECK(profile.prices[i].cycles > 0);
      CHECK(!profile.prices[i].source.empty());
    }
  }
  CHECK(cost_profile("pentium4-2006").hz == 3'800'000'000);
  CHECK(default_cost_profile().name == "sandybridge-2012");
}

TEST_CASE("published round trips come out of the prices") {
  unsigned checked = 0;
  for (const RoundTrip& trip : round_trips()) {
    for (std::size_t p = 0; p < cost_profiles().size(); ++p) {
      if (!trip.published[p].cycles) continue;
      INFO(trip.name << " on " << cost_profiles()[p].name << ": " << trip.published[p].source);
      CHECK(price(trip.events, cost_profiles()[p]) == trip.published[p].cycles);
      ++checked;
    }
  }
  CHECK(checked >= 12);
}

// The figures again, written down independently of the table that the program prints.
TEST_CASE("the figures of the papers") {
  const CostProfile &p4 = cost_profile("pentium4-2006"), &sb = cost_profile("sandybridge-2012"),
                    &cl = cost_profile("cascadelake-2019");
  using E = CostEvent;
  CHECK(p4[E::NativePortIo] == 3209);
  CHECK(p4[E::SystemCallDelivery] == 242);
  CHECK(p4[E::ExceptionDelivery] == 889);
  CHECK(p4[E::PageFaultDelivery] == 1093);
  CHECK(p4[E::RingTransition] + p4[E::DecodeAndEmulate] == 2030);
  CHECK(p4[E::VmExitEntry] == 3963);
  CHECK(sb[E::VmExitEntry] == 784);
  const auto exit = [](const CostProfile& p) { return p[E::VmExitEntry] + 10 * p[E::Vmread]; };
  CHECK(exit(p4) == 5743);
  CHECK(exit(p4) + p4[E::Vmwrite] + p4[E::UserSpaceRoundTrip] + p4[E::DeviceAccess] == 15826);
  CHECK(exit(sb) + sb[E::EptEntryWrite] == 5000);
  CHECK(exit(cl) + cl[E::Vmwrite] + cl[E::HypercallDispatch] == 1150);  // 0.46 us
  CHECK(p4[E::ParavirtualTransition] * 2 == static_cast<u32>((2.73 - 1.42) * 2400 + 0.5));
}

TEST_CASE("what is not published is called illustrative") {
  for (const CostProfile& profile : cost_profiles()) {
    for (const Price& price : profile.prices) {
      INFO(profile.name << ": " << price.source);
      const bool vague = price.source.find("no publication") != std::string_view::npos;
      if (vague) CHECK(price.provenance == Provenance::Illustrative);
      if (price.provenance == Provenance::Verified) CHECK(price.source.find("20") != std::string_view::npos);
    }
  }
}

TEST_CASE("an unknown profile is answered with a suggestion") {
  CHECK_THROWS_AS(cost_profile("pentium4"), HostError);
  try {
    cost_profile("pentium4-2005");
    FAIL("accepted");
  } catch (const HostError& e) {
    CHECK_THAT(e.what(), contains("pentium4-2006"));
  }
}
