// The student's walk, from the lab panel to Check, by widget name on real sessions.
#include <SDL_keycode.h>

#include "tests/gui/driver.h"

using namespace ringside;
using namespace ringside::gui;

namespace {}  // namespace

TEST_CASE("The student's walk") {
  Driver d({.guest = "kernel", .command_line = "run=forkwait"});
  // Open the lab and predict.
  d.press(SDLK_l, true);
  REQUIRE(d.app.ui.show_labs);
  d.click("lab.check");
  CHECK(d.app.layout().find("lab.missing"));
  d.click("lab.prediction");
  d.type("trap, by far");
  CHECK(std::string(d.app.ui.prediction) == "trap, by far");
  d.click("lab.show0");
  CHECK(d.app.ui.highlight == "run");

  // Run, compare the cards.
  d.press(SDLK_F5);
  d.finish();
  for (const auto& l : d.last->lanes) CHECK(l.state == model::LaneState::Ended);
  CHECK(d.lane(Mode::Trap).exit_count > d.lane(Mode::Para).exit_count);
  CHECK(d.lane(Mode::Trap).overhead > d.lane(Mode::Hvm).overhead);
  d.click("card.trap.title");
  CHECK(d.last->lanes[d.last->focus].mode == Mode::Trap);

  // A click into the timeline takes every pane there.
  const u64 end = d.lane(Mode::Trap).instructions;
  d.click("timeline.area");
  const u64 there = d.lane(Mode::Native).instructions;
  CHECK(there > end / 4);
  CHECK(there < end * 3 / 4);
  for (const auto& l : d.last->lanes) {
    INFO(name(l.mode));
    CHECK(l.instructions >= there);
    CHECK(l.instructions <= there + 1);  // an emulated instruction may be passed together with its exit
  }

  // To the next trap, and through it.
  d.press(SDLK_F10);
  const u64 exits = d.lane(Mode::Trap).exit_count;
  REQUIRE(exits > 0);
  d.press(SDLK_F11);
  CHECK(d.lane(Mode::Trap).exit_count >= exits);
  CHECK(d.lane(Mode::Trap).guest.cr3 != d.lane(Mode::Trap).real.cr3);  // virtual and real registers differ
  d.press(SDLK_2, true);
  CHECK(d.app.ui.view == View::Inspect);
  d.click("events.first");
  REQUIRE(d.app.ui.selection);
  const auto* source = d.app.layout().find("anatomy.source");
  CHECK(source);
  CHECK(d.app.layout().find("anatomy.total"));

  // Memory shows the shadow entry beside the guest's.
  d.press(SDLK_3, true);
  d.click("walk.eip");
  d.frame(2);
  const auto& trap = d.lane(Mode::Trap);
  REQUIRE_FALSE(trap.mappings.empty());
  CHECK(trap.mappings.front().guest);
  CHECK(trap.mappings.front().shadow);
  REQUIRE(trap.frame_map);
  CHECK(d.app.layout().find("frames.map"));
  CHECK(d.app.layout().find("fault.where"));

  // Change one setting, run again, check.
  d.press(SDLK_1, true);
  d.click("profile");
  d.click("profile.pentium4-2006");
  CHECK(d.last->profile == "pentium4-2006");
  d.press(SDLK_r, true);
  CHECK(d.lane(Mode::Trap).instructions == 0);
  d.press(SDLK_F5);
  d.finish();
  d.click("lab.check");
  d.frame();
  CHECK(d.app.layout().find("lab.passed"));
}
