// Everything that controls the run, by widget name and by keyboard.
#include <SDL_keycode.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/gui/driver.h"
#include "ui/gui/settings.h"

using namespace ringside;
using namespace ringside::gui;

namespace {

void add_breakpoint(Driver& d, const std::string& kind, const std::string& value) {
  d.press(SDLK_b, true);
  d.click("breakpoints.kind");
  d.click("breakpoints.kind." + kind);
  if (kind == "exit reason") {
    d.click("breakpoints.reason");
    d.click("breakpoints.reason." + value);
    return;
  }
  if (!value.empty()) {
    d.click("breakpoints.value");
    d.type(value);
  }
  d.click("breakpoints.add");
}

void run_to_stop(Driver& d) {
  d.core.execute(model::command::Run{});
  for (int i = 0; i < 2000 && d.core.running(); ++i) d.core.run_slice(0.1);
  d.frame(2);
  REQUIRE_FALSE(d.last->running);
}

bool explained(Driver& d, const std::string& widget) {
  const bool ok = !d.hover(widget).empty();
  if (!ok) UNSCOPED_INFO("without a word: " << widget);
  return ok;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("Breakpoints of every kind, set by hand, stop the guest where they should") {
  Driver d({.guest = "kernel", .command_line = "run=forkwait", .modes = {Mode::Trap}});
  SECTION("address") {
    d.core.execute(model::command::Seek{3'000'000});
    d.frame();
    const u32 address = d.lane(Mode::Trap).guest.eip;
    d.core.execute(model::command::Reset{});
    add_breakpoint(d, "address", fmt::format("{:x}", address));
    run_to_stop(d);
    CHECK(d.lane(Mode::Trap).guest.eip == address);
    CHECK(d.lane(Mode::Trap).instructions <= 3'000'000);
  }
  SECTION("port") {
    add_breakpoint(d, "port", "40");
    run_to_stop(d);
    CHECK(d.lane(Mode::Trap).events->back().reason == ExitReason::IoInstruction);
    CHECK(d.lane(Mode::Trap).events->back().detail == 0x40);
  }
  SECTION("memory written") {
    d.core.execute(model::command::Seek{3'000'000});
    d.frame();
    const u32 address = d.lane(Mode::Trap).guest.gpr[ESP] - 4;
    add_breakpoint(d, "memory written", fmt::format("{:x}", address));
    run_to_stop(d);
    CHECK(d.last->message.find("breakpoint") != std::string::npos);
    CHECK(d.lane(Mode::Trap).state != model::LaneState::Ended);
  }
  SECTION("exit reason") {
    add_breakpoint(d, "exit reason", "INVLPG");
    run_to_stop(d);
    CHECK(d.lane(Mode::Trap).events->back().reason == ExitReason::Invlpg);
  }
  SECTION("CR3 changes") {
    d.core.execute(model::command::Seek{2'000'000});
    d.frame();
    const u32 before = d.lane(Mode::Trap).guest.cr3;
    add_breakpoint(d, "CR3 changes", "");
    run_to_stop(d);
    CHECK(d.lane(Mode::Trap).guest.cr3 != before);
    CHECK(d.lane(Mode::Trap).state != model::LaneState::Ended);
  }
  CHECK(d.last->breakpoints.size() == 1);
  d.click("breakpoints.remove");
  CHECK(d.last->breakpoints.empty());
}

TEST_CASE("A breakpoint on memory watches as many bytes, and reads too, as the dialog says") {
  // mov al, [5001h]; mov [5002h], al; mov byte [5004h], 1; xor al, al; out f4h, al; hlt
  const std::string code("\xa0\x01\x50\0\0\xa2\x02\x50\0\0\xc6\x05\x04\x50\0\0\x01\x30\xc0\xe6\xf4\xf4", 22);
  constexpr u32 kEntry = 0x100000, kEnd = 0;  // kEnd: nothing stops it
  struct Row {
    std::string kind;
    int bytes;
    std::string address;
    u32 stops_after;
  };
  const Row row = GENERATE(values<Row>({{"memory written", 1, "5001", kEnd},
                                        {"memory written", 1, "5002", kEntry + 10},
                                        {"memory written", 4, "5000", kEntry + 10},
                                        {"memory written", 2, "5003", kEntry + 17},
                                        {"memory read or written", 1, "5001", kEntry + 5},
                                        {"memory read or written", 2, "5000", kEntry + 5},
                                        {"memory read or written", 1, "5004", kEntry + 17}}));
  INFO(row.kind << ", " << row.bytes << " at " << row.address);
  const auto path = std::filesystem::temp_directory_path() / fmt::format("ringside-watch-{}.bin", ::getpid());
  std::ofstream(path, std::ios::binary) << code;
  Driver d({.guest = path.string(), .modes = {Mode::Native}});
  std::filesystem::remove(path);
  d.press(SDLK_b, true);
  d.click("breakpoints.kind");
  d.click("breakpoints.kind." + row.kind);
  d.click("breakpoints.bytes");
  d.click(fmt::format("breakpoints.bytes.{}", row.bytes));
  d.click("breakpoints.value");
  d.type(row.address);
  d.click("breakpoints.add");
  REQUIRE(d.last->breakpoints.size() == 1);
  CHECK(d.last->breakpoints[0].text.find(row.address) != std::string::npos);
  run_to_stop(d);
  CHECK((d.lane(Mode::Native).state == model::LaneState::Ended) == (row.stops_after == kEnd));
  if (row.stops_after != kEnd) CHECK(d.lane(Mode::Native).guest.eip == row.stops_after);
}

TEST_CASE("Lockstep takes every technique to the same guest instruction; off, only the focused one moves") {
  Driver d({.guest = "kernel", .command_line = "run=primes 100000000"});
  d.core.execute(model::command::Seek{1'000'000});
  d.frame();
  for (const auto& l : d.last->lanes) CHECK(l.instructions - 1'000'000 <= 1);
  d.core.execute(model::command::Run{});
  for (int i = 0; i < 20; ++i) {
    d.core.run_slice(0.01);
    d.frame();
  }
  d.core.execute(model::command::Pause{});
  d.frame();
  u64 least = ~u64{0}, most = 0;
  for (const auto& l : d.last->lanes) {
    least = std::min(least, l.instructions);
    most = std::max(most, l.instructions);
  }
  CHECK(least > 1'000'000);
  CHECK(most - least <= 2);
  d.core.execute(model::command::Seek{1'000'000});
  d.frame();
  d.click("lockstep");
  d.press(SDLK_F6);
  const std::size_t focus = d.last->focus;
  CHECK(focus == 1);
  const auto before = d.last->lanes;
  d.press(SDLK_F11);
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK((d.last->lanes[i].instructions > before[i].instructions) == (i == focus));
}

TEST_CASE("The keyboard reaches every view, dialog and technique") {
  Driver d({.guest = "hello"});
  d.press(SDLK_3, true);
  CHECK(d.app.ui.view == View::Memory);
  d.press(SDLK_2, true);
  CHECK(d.app.ui.view == View::Inspect);
  d.press(SDLK_1, true);
  CHECK(d.app.ui.view == View::Compare);
  for (std::size_t i = 1; i <= d.last->lanes.size(); ++i) {
    d.press(SDLK_F6);
    CHECK(d.last->focus == i % d.last->lanes.size());
  }
  d.press(SDLK_F1);
  CHECK(d.app.layout().panes().contains("keys"));
  d.press(SDLK_F1);
  for (const auto& [key, pane] :
       {std::pair{SDLK_o, "open"}, {SDLK_b, "breakpoints"}, {SDLK_e, "export"}, {SDLK_i, "seek"}}) {
    d.press(key, true);
    INFO(pane);
    CHECK(d.app.layout().panes().contains(pane));
  }
  d.click("seek.instruction");
  d.type("20");
  d.click("seek.go");
  CHECK(d.lane(Mode::Native).instructions == 20);
  d.press(SDLK_F9);
  CHECK(d.last->breakpoints.size() == 1);
  d.press(SDLK_F5, false, true);
  CHECK(d.lane(Mode::Native).instructions == 0);
}

TEST_CASE("Words explain themselves when the pointer rests on them") {
  Driver d({.guest = "kernel", .command_line = "run=forkwait"});
  d.core.execute(model::command::Seek{4'000'000});
  d.core.execute(model::command::Focus{1});
  d.frame(2);
  for (const char* widget : {"guest",
                             "run",
                             "step",
                             "next",
                             "back",
                             "reset",
                             "speed",
                             "profile",
                             "lockstep",
                             "view.Memory",
                             "card.trap.title",
                             "card.hvm.overhead",
                             "card.trap.exits",
                             "card.trap.bar",
                             "topic",
                             "register.EIP",
                             "register.CR3",
                             "header.virtual",
                             "header.real",
                             "header.exit",
                             "rings.picture",
                             "events.filter",
                             "disassembly.goto",
                             "timeline.area",
                             "consoles.all"})
    CHECK(explained(d, widget));
  d.press(SDLK_2, true);
  d.core.execute(model::command::Focus{3});
  d.frame(2);
  for (const char* widget : {"vmcs.EPT", "vmcs.HLT", "header.paid under", "bucket", "step"})
    CHECK(explained(d, widget));
  d.press(SDLK_3, true);
  d.frame(2);
  for (const char* widget :
       {"header.guest's entry", "header.nested entry", "frames.map", "frames.kernel page", "walk.go"})
    CHECK(explained(d, widget));
}

TEST_CASE("A dropped file opens, and one that cannot be opened says why and what to do") {
  const auto path = std::filesystem::temp_directory_path() / "ringside-dropped.bin";
  std::ofstream(path, std::ios::binary)
      << std::string("\xb0\x00\xe6\xf4\xf4", 5);  // mov al, 0; out f4h, al; hlt
  Driver d({.guest = "hello"});
  d.frame(1, Input{.dropped_files = {path.string()}});
  d.frame();
  CHECK(d.last->guest == path.string());
  CHECK_FALSE(d.last->message_is_error);
  d.press(SDLK_F5);
  d.finish();
  CHECK(d.lane(Mode::Native).state == model::LaneState::Ended);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << "";
  d.frame(1, Input{.dropped_files = {path.string()}});
  d.frame();
  CHECK(d.last->message_is_error);
  CHECK(d.last->message.size() > 20);
  d.frame();
  CHECK(d.app.layout().find("error.message"));  // in the middle of what the user looks at
  d.press(SDLK_ESCAPE);
  CHECK_FALSE(d.app.layout().find("error.message"));
  std::filesystem::remove(path);
}

TEST_CASE("The timeline zooms around the present by keyboard") {
  Driver d({.guest = "hello"});
  d.core.execute(model::command::Seek{40});
  d.frame();
  d.press(SDLK_EQUALS, true);
  const double end = d.app.ui.timeline_end;
  CHECK(d.app.ui.timeline_begin > 0);
  d.press(SDLK_EQUALS, true);
  CHECK(d.app.ui.timeline_end <= end);
  d.press(SDLK_0, true);
  CHECK(d.app.ui.timeline_end == d.app.ui.timeline_begin);
}

TEST_CASE("Borders move by the mouse, are remembered, and go back to where they were") {
  Driver d({.guest = "hello"});
  const Rect before = d.app.layout().panes().at("registers");
  d.drag("split.disassembly", {120, 0});
  const Rect after = d.app.layout().panes().at("registers");
  CHECK(after.x0 > before.x0 + 100);
  const auto path = std::filesystem::temp_directory_path() / "ringside-test" / "settings.json";
  REQUIRE(save_settings(path, remembered(d.app.ui, "hello", "", 1600, 900)));
  std::string notice;
  UiState again;
  apply(load_settings(path, notice), again);
  CHECK(again.splits == d.app.ui.splits);
  CHECK(notice.empty());
  d.click("menu.View");
  d.click("menu.defaults");
  d.frame(2);
  CHECK(d.app.ui.splits.empty());
  CHECK(std::abs(d.app.layout().panes().at("registers").x0 - before.x0) < 2);
  CHECK(d.last->guest == "kernel");
  std::filesystem::remove_all(path.parent_path());
}

TEST_CASE("What is on screen can be taken along: CSV, JSON, a picture and a trace") {
  const auto folder = std::filesystem::temp_directory_path() / "ringside-export";
  std::filesystem::create_directories(folder);
  Driver d({.guest = "hello"});
  d.press(SDLK_F5);
  d.finish();
  d.press(SDLK_e, true);
  std::snprintf(d.app.ui.export_path, sizeof d.app.ui.export_path, "%s", (folder / "x").c_str());
  d.frame();
  d.click("export.csv");
  d.click("export.json");
  d.click("export.trace.json");
  d.click("export.png");
  CHECK(d.app.ui.save_picture == (folder / "x.png").string());
  const std::string csv = text_of(folder / "x.csv");
  CHECK(csv.find("mode,status") == 0);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 5);
  const auto json = nlohmann::json::parse(text_of(folder / "x.json"));
  CHECK(json["schema"] == "ringside/compare/v1");
  CHECK(json["runs"].size() == 4);
  const auto trace = nlohmann::json::parse(text_of(folder / "x.trace.json"));
  std::map<int, u64> exits;
  for (const auto& e : trace["traceEvents"])
    if (e["ph"] == "X") ++exits[e["pid"].get<int>()];
  CHECK(exits[2] == d.lane(Mode::Trap).exit_count);
  CHECK(exits[3] == d.lane(Mode::Hvm).exit_count);  // hello has no paravirtual build
  // A place that cannot be written says so.
  std::snprintf(d.app.ui.export_path, sizeof d.app.ui.export_path, "/nonexistent/x");
  d.frame();
  d.click("export.csv");
  CHECK(d.last->message_is_error);
  std::filesystem::remove_all(folder);
}
