// A student's walk through the app, by widget name, on real sessions.
#include <SDL_keycode.h>

#include <algorithm>

#include "tests/gui/driver.h"

using namespace ringside;
using namespace ringside::gui;

namespace {

model::SessionOptions short_kernel() { return {.guest = "kernel", .command_line = "run=forkwait"}; }

u64 page_table_exits(const model::LaneFrame& l) {
  return l.by_topic[static_cast<std::size_t>(ExitTopic::PageTables)];
}

}  // namespace

TEST_CASE("Run the kernel, compare the cards, take an exit apart") {
  Driver d(short_kernel());
  REQUIRE_FALSE(d.last->running);
  d.press(SDLK_F5);
  CHECK(d.last->running);
  d.finish();
  for (const auto& l : d.last->lanes) {
    INFO(name(l.mode) << ": " << l.reason);
    CHECK(l.state == model::LaneState::Ended);
  }
  CHECK(d.lane(Mode::Trap).console == d.lane(Mode::Native).console);
  CHECK(page_table_exits(d.lane(Mode::Trap)) > page_table_exits(d.lane(Mode::Hvm)));
  CHECK(d.lane(Mode::Trap).overhead > d.lane(Mode::Hvm).overhead);
  std::vector<RunReport> reports;  // `ringside compare` says the same of these runs
  for (const auto& l : d.last->lanes) {
    reports.emplace_back();
    reports.back().mode = l.mode;
    reports.back().status = RunReport::Status::Ok;
    reports.back().cycles = l.attribution;
  }
  compare_to(RunReport(reports.front()), reports);
  for (std::size_t i = 0; i < reports.size(); ++i) CHECK(d.last->lanes[i].overhead == reports[i].overhead);

  d.click("card.trap.title");
  CHECK(d.last->lanes[d.last->focus].mode == Mode::Trap);
  d.click("view.Inspect");
  CHECK(d.app.ui.view == View::Inspect);
  d.click("events.first");
  REQUIRE(d.app.ui.selection);
  CHECK(d.app.layout().find("anatomy.total"));

  d.click("view.Memory");
  CHECK(d.app.layout().find("walk.verdict"));
}

TEST_CASE("Re-pricing changes cycles and keeps counts") {
  Driver d(short_kernel());
  d.click("run");
  d.finish();
  const auto before = d.lane(Mode::Trap);
  d.core.execute(model::command::SetProfile{"pentium4-2006"});
  d.frame();
  const auto& after = d.lane(Mode::Trap);
  CHECK(after.instructions == before.instructions);
  CHECK(after.exit_count == before.exit_count);
  CHECK(after.attribution.total() > before.attribution.total());
}

TEST_CASE("Step, next trap, and back again") {
  Driver d(short_kernel());
  d.core.execute(model::command::Focus{1});
  d.core.execute(model::command::SetLockstep{false});
  d.core.execute(model::command::Seek{30'000});
  d.frame();
  d.press(SDLK_F10);
  const u64 at_trap = d.lane(Mode::Trap).instructions;
  CHECK(d.lane(Mode::Trap).exit_count > 0);
  const CpuState state = d.lane(Mode::Trap).guest;
  d.press(SDLK_F11);
  d.press(SDLK_F11);
  CHECK(d.lane(Mode::Trap).instructions > at_trap);
  d.core.execute(model::command::Seek{at_trap});
  d.frame();
  CHECK(d.lane(Mode::Trap).instructions == at_trap);
  CHECK(d.lane(Mode::Trap).guest == state);
  d.press(SDLK_F11, false, true);
  CHECK(d.lane(Mode::Trap).instructions < at_trap);
}

TEST_CASE("Typing at the shell reaches every guest") {
  Driver d({.guest = "kernel", .command_line = "interactive"});
  const auto run_until = [&](const auto& shown) {
    d.core.execute(model::command::Run{});
    const auto done = [&] { return std::all_of(d.last->lanes.begin(), d.last->lanes.end(), shown); };
    for (int i = 0; i < 400 && !done(); ++i) {
      d.core.run_slice(0.05);
      d.last = d.core.frame();
    }
    d.core.execute(model::command::Pause{});
    d.frame(2);
  };
  run_until([](const auto& l) { return l.console.find("$ ") != std::string::npos; });
  d.click("consoles.input");
  d.type("echo ringside");
  d.click("consoles.send");
  // Echoed and answered. Lockstep may have taken a guest back to before its prompt, which then comes in
  // between.
  const auto answered = [](const auto& l) {
    const std::size_t typed = l.console.find("echo ringside");
    return typed != std::string::npos && l.console.find("ringside\n", typed + 13) != std::string::npos;
  };
  run_until(answered);
  for (const auto& l : d.last->lanes) {
    INFO(name(l.mode) << ": " << l.console);
    CHECK(answered(l));
  }
}

TEST_CASE("A breakpoint set in the disassembly stops every mode there") {
  Driver d(short_kernel());
  d.core.execute(model::command::Seek{2'000});
  d.frame();
  const u32 here = d.lane(Mode::Native).guest.eip;
  const auto& rows = d.lane(Mode::Native).disassembly;
  const auto current =
      std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.address == here; });
  REQUIRE(current != rows.end());
  const u32 address = (current + 3)->address;
  d.core.execute(model::command::AddBreakpoint{model::command::AddBreakpoint::Kind::Address, address});
  d.core.execute(model::command::Run{});
  for (int i = 0; i < 50 && d.core.running(); ++i) d.core.run_slice(0.1);
  d.frame();
  CHECK_FALSE(d.last->running);
  INFO(d.last->message);
  CHECK(d.lane(Mode::Native).guest.eip == address);
}

TEST_CASE("A guest that cannot be opened leaves a message and the session as it was") {
  Driver d(short_kernel());
  d.frame(1, Input{.dropped_files = {"/nonexistent/kernel.elf"}});
  d.frame();
  CHECK(d.last->message_is_error);
  CHECK(d.last->guest == "kernel");
}
