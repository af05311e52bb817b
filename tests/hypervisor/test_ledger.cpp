// The ledger: what is counted is priced exactly once, in the right bucket, under any profile, in any number
// of shapes.

#include <numeric>
#include <random>

#include "hypervisor/accounting/cost_profile.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

constexpr std::size_t kEvents = static_cast<std::size_t>(CostEvent::kCount);
constexpr std::size_t kReasons = static_cast<std::size_t>(ExitReason::kCount);

u64 sum_of_exit_cycles(const Ledger& ledger, const CostProfile& profile) {
  u64 sum = 0;
  for (const ExitStatistics& row : ledger.exits(profile)) sum += row.cycles;
  return sum;
}

/// What a plain reading of "cycles = count x price" gives, kept beside the ledger by the test.
struct Expected {
  std::array<u64, kEvents> totals{};
  u64 idle = 0;
  u64 cycles(const CostProfile& profile) const {
    u64 sum = idle;
    for (std::size_t i = 0; i < kEvents; ++i) sum += totals[i] * profile.prices[i].cycles;
    return sum;
  }
};

}  // namespace

TEST_CASE("an exit's events are priced and its reason may be refined") {
  Ledger ledger;
  const CostProfile& p4 = cost_profile("pentium4-2006");
  ledger.set_active(&p4);
  ledger.count(CostEvent::Instruction, 100);
  ledger.begin_exit(ExitReason::GuestException);
  ledger.count(CostEvent::RingTransition);
  ledger.refine_exit(ExitReason::PrivilegedInstruction);
  ledger.count(CostEvent::DecodeAndEmulate);
  ledger.end_exit();
  ledger.idle(7);

  CHECK(ledger.now() == 100 + 2030 + 7);
  CHECK(ledger.samples(ExitReason::GuestException) == 0);
  CHECK(ledger.samples(ExitReason::PrivilegedInstruction) == 1);
  CHECK(ledger.last_reason() == ExitReason::PrivilegedInstruction);
  CHECK(ledger.last_events()[static_cast<std::size_t>(CostEvent::RingTransition)] == 1);
  CHECK(ledger.exits_closed() == 1);
  const Attribution a = ledger.attribution(p4);
  CHECK(a[Bucket::Guest] == 100);
  CHECK(a[Bucket::Switches] == 889);
  CHECK(a[Bucket::Monitor] == 1141);
  CHECK(a[Bucket::Idle] == 7);
  CHECK(a.total() == ledger.now());
}

TEST_CASE("minimum and maximum per reason survive re-pricing") {
  Ledger ledger;
  for (u32 n : {3u, 1u, 2u, 3u}) {
    ledger.begin_exit(ExitReason::ShadowPageFault);
    ledger.count(CostEvent::RingTransition);
    ledger.count(CostEvent::ShadowEntryWrite, n);
    ledger.end_exit();
  }
  for (const CostProfile& profile : cost_profiles()) {
    INFO(profile.name);
    const auto rows = ledger.exits(profile);
    REQUIRE(rows.size() == 1);
    const u64 transition = profile[CostEvent::RingTransition], entry = profile[CostEvent::ShadowEntryWrite];
    CHECK(rows[0].samples == 4);
    CHECK(rows[0].min == transition + entry);
    CHECK(rows[0].max == transition + 3 * entry);
    CHECK(rows[0].cycles == 4 * transition + 9 * entry);
  }
}

TEST_CASE("attribution adds up to the total exactly, whatever happened") {
  std::mt19937 random(7);
  Ledger ledger;
  Expected expected;
  const CostProfile& active = default_cost_profile();
  ledger.set_active(&active);
  std::array<u64, kReasons> samples{};
  auto count = [&] {
    const std::size_t e = random() % kEvents;
    const u32 n = random() % 5;
    ledger.count(static_cast<CostEvent>(e), n);
    expected.totals[e] += n;
  };
  for (int i = 0; i < 20000; ++i) {
    count();
    if (random() % 8 == 0) {
      const u64 cycles = random() % 100000;
      ledger.idle(cycles);
      expected.idle += cycles;
    }
    auto reason = static_cast<ExitReason>(random() % kReasons);
    ledger.begin_exit(reason);
    for (unsigned n = random() % 6; n; --n) count();
    if (random() % 4 == 0) ledger.refine_exit(reason = static_cast<ExitReason>(random() % kReasons));
    ledger.end_exit();
    ++samples[static_cast<std::size_t>(reason)];
  }
  CHECK(ledger.now() == expected.cycles(active));
  for (const CostProfile& profile : cost_profiles()) {
    INFO(profile.name);
    CHECK(ledger.attribution(profile).total() == expected.cycles(profile));
  }
  for (std::size_t e = 0; e < kEvents; ++e)
    CHECK(ledger.total(static_cast<CostEvent>(e)) == expected.totals[e]);
  for (std::size_t r = 0; r < kReasons; ++r) CHECK(ledger.samples(static_cast<ExitReason>(r)) == samples[r]);
  ledger.set_active(&cost_profile("pentium4-2006"));
  CHECK(ledger.now() == expected.cycles(cost_profile("pentium4-2006")));
}

TEST_CASE("shapes are bounded and sums stay exact beyond the bound") {
  Ledger ledger;
  const CostProfile& profile = default_cost_profile();
  ledger.set_active(&profile);
  const u32 exits = Ledger::kMaxShapes + 5000;
  for (u32 i = 1; i <= exits; ++i) {
    ledger.begin_exit(ExitReason::HypercallMmuUpdate);
    ledger.count(CostEvent::PageTableUpdate, i);
    ledger.end_exit();
  }
  const auto rows = ledger.exits(profile);
  REQUIRE(rows.size() == 1);
  const u64 price = profile[CostEvent::PageTableUpdate];
  CHECK(rows[0].samples == exits);
  CHECK(rows[0].min == price);
  CHECK(rows[0].max == price * exits);
  CHECK(rows[0].cycles == price * exits * (u64{exits} + 1) / 2);
  CHECK(ledger.now() == rows[0].cycles);
  CHECK(ledger.attribution(profile).total() == rows[0].cycles);
}

TEST_CASE("exits are listed by cycles, then in the order of the enumeration") {
  Ledger ledger;
  const CostProfile& profile = default_cost_profile();
  for (ExitReason reason : {ExitReason::Hlt, ExitReason::Cpuid, ExitReason::CrAccess}) {
    ledger.begin_exit(reason);
    ledger.count(CostEvent::VmExitEntry, reason == ExitReason::CrAccess ? 2 : 1);
    ledger.end_exit();
  }
  const auto rows = ledger.exits(profile);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].reason == ExitReason::CrAccess);
  CHECK(rows[1].reason == ExitReason::Cpuid);
  CHECK(rows[2].reason == ExitReason::Hlt);
  CHECK(sum_of_exit_cycles(ledger, profile) == ledger.attribution(profile).total());
}

TEST_CASE("a copy of a ledger is a snapshot") {
  Ledger ledger;
  ledger.set_active(&default_cost_profile());
  ledger.begin_exit(ExitReason::Hlt);
  ledger.count(CostEvent::VmExitEntry);
  const Ledger saved = ledger;
  ledger.count(CostEvent::VmExitEntry);
  ledger.end_exit();
  ledger = saved;
  CHECK(ledger.now() == default_cost_profile()[CostEvent::VmExitEntry]);
  CHECK(ledger.attribution(default_cost_profile()).total() == ledger.now());  // the open exit counts too
  ledger.end_exit();
  CHECK(ledger.samples(ExitReason::Hlt) == 1);
}
