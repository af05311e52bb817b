// The memory windows: walks, entries side by side, the frame map, and why it faulted.
#include "tests/catch.h"
#include "ui/model/fault_story.h"
#include "ui/model/frame_map.h"
#include "ui/model/lane.h"
#include "ui/model/page_walk.h"

using namespace ringside;
using namespace ringside::model;

namespace {

constexpr u64 kSettled = 3'000'000;  // the kernel has booted and runs its first programs

struct Settled {
  GuestSource source = find_guest("kernel", {}, {});
  Lane lane;
  explicit Settled(VmConfig machine) : lane(machine.mode, source, {.machine = machine}) {
    lane.seek(kSettled);
  }
  explicit Settled(Mode mode) : Settled(VmConfig{.mode = mode, .command_line = "run=forkwait"}) {}
  u32 eip() { return lane.vm()->monitor().virtual_state().eip; }
};

u32 count(const FrameMap& map, FrameUse use) { return map.counts[static_cast<std::size_t>(use)]; }

}  // namespace

TEST_CASE("A walk makes two references, or fourteen where the tables are nested") {
  const auto [mode, references, lines] =
      GENERATE(std::tuple{Mode::Native, 2u, 1u}, std::tuple{Mode::Trap, 2u, 1u},
               std::tuple{Mode::Para, 2u, 1u}, std::tuple{Mode::Hvm, 14u, 3u});
  INFO(name(mode));
  Settled m(mode);
  const PageWalkView view = walk_view(*m.lane.vm(), LinearAddr(m.eip()));
  CHECK(view.guest.size() == 2);
  CHECK(view.references == references);
  CHECK(view.hardware.size() == lines);
  unsigned shown = 0;
  for (const auto& line : view.hardware) shown += static_cast<unsigned>(line.size());
  CHECK(shown == references);
}

TEST_CASE("Entries stand side by side, and the shadow maps the same page to machine memory") {
  Settled trap(Mode::Trap), hvm(Mode::Hvm), para(Mode::Para);
  const auto row = mapping_rows(*trap.lane.vm(), LinearAddr(trap.eip()), 1).at(0);
  REQUIRE(row.guest);
  REQUIRE(row.shadow);
  CHECK((*row.shadow & pte::P) != 0);
  const u64 base = trap.lane.vm()->host().machine.ram().base().value;
  CHECK((*row.shadow & pte::kFrame) == (*row.guest & pte::kFrame) + base);
  const auto nested = mapping_rows(*hvm.lane.vm(), LinearAddr(hvm.eip()), 1).at(0);
  REQUIRE(nested.nested);
  CHECK_FALSE(nested.shadow);
  CHECK_FALSE(mapping_rows(*para.lane.vm(), LinearAddr(para.eip()), 1).at(0).nested);
  for (const auto& r : mapping_rows(*trap.lane.vm(), LinearAddr(trap.eip()), 16)) CHECK_FALSE(r.why.empty());
}

TEST_CASE("The frame map accounts for every frame, and knows tables, traced frames and the monitor's own") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm);
  INFO(name(mode));
  Settled m(mode);
  const FrameMap map = frame_map(*m.lane.vm());
  u64 sum = 0;
  for (u32 n : map.counts) sum += n;
  CHECK(sum == map.frames.size());
  CHECK(sum == m.lane.vm()->host().memory.size() / kPageSize);
  CHECK(count(map, FrameUse::PageDirectory) >= 1);
  CHECK(count(map, FrameUse::PageTable) >= 1);
  CHECK(count(map, FrameUse::Kernel) > 10);
  CHECK((count(map, FrameUse::MonitorUsed) > 0) == (mode != Mode::Native));
  CHECK((count(map, FrameUse::NotBacked) > 0) == (mode == Mode::Hvm));
}

TEST_CASE("Why it faulted: every page exit of a run is settled by one decision of its technique") {
  const Mode mode = GENERATE(Mode::Trap, Mode::Para, Mode::Hvm);
  INFO(name(mode));
  Settled m(mode);
  const LaneFrame frame = m.lane.frame(default_cost_profile(), {.focused = true});
  const FaultStory last = why_did_it_fault(frame, nullptr);
  REQUIRE(last.exit);
  std::size_t told = 0;
  for (const ExitRecord& e : *frame.events) {
    const bool page = e.reason == ExitReason::TruePageFault || e.reason == ExitReason::ShadowPageFault ||
                      e.reason == ExitReason::ShadowPageTableWrite || e.reason == ExitReason::EptViolation ||
                      e.reason == ExitReason::Mmio;
    if (!page) continue;
    const FaultStory story = why_did_it_fault(frame, &e);
    REQUIRE(story.exit);
    CHECK(story.exit->index == e.index);
    REQUIRE(story.settled < story.decisions.size());
    CHECK(story.decisions[story.settled].exit == e.reason);
    ++told;
  }
  CHECK(told > 0);
}
