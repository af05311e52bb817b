// A guest that floods: traps and console bytes by the million. The session goes on, and its memory stays
// within bounds.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "ui/model/session.h"

using namespace ringside;
using namespace ringside::model;

namespace {

u64 resident_bytes() {
  u64 pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<u64>(::sysconf(_SC_PAGESIZE));
}

/// Writes a byte to port E9h `count` times: as many exits, as many console bytes.
std::filesystem::path flooding_guest(u32 count) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("ringside-flood-{}.bin", ::getpid());
  std::string code = "\xb9";  // mov ecx, count
  for (int i = 0; i < 4; ++i) code += static_cast<char>(count >> (8 * i));
  code += "\xb0\x2a\xe6\xe9\xe2\xfc";  // mov al, '*'; out e9h, al; loop the out
  code += std::string("\x30\xc0\xe6\xf4\xf4", 5);
  std::ofstream(path, std::ios::binary) << code;
  return path;
}

void flood(u32 count) {
  const auto path = flooding_guest(count);
  SessionCore core({.guest = path.string(), .modes = {Mode::Hvm}});
  const u64 before = resident_bytes();
  core.execute(command::Run{});
  u64 slices = 0, seen = 0;
  while (core.running()) {
    core.run_slice(0.05);
    const FramePtr frame = core.frame();
    const LaneFrame& lane = frame->lanes[0];
    seen = lane.exit_count;
    REQUIRE(lane.events->size() <= kEventRows);
    REQUIRE(lane.timeline->buckets.size() <= kTimelineBuckets);
    REQUIRE(lane.console.size() <= kConsoleBytes);
    ++slices;
  }
  std::filesystem::remove(path);
  CHECK(seen > count);
  CHECK(slices > 3);  // frames came all the while
  CHECK(resident_bytes() < before + (RINGSIDE_SANITIZED ? 600u : 200u) * (1u << 20));
  const FramePtr frame = core.frame();
  CHECK(frame->lanes[0].state == LaneState::Ended);
  // And back into the middle of it.
  core.execute(command::Seek{u64{count}});
  CHECK(core.frame()->lanes[0].instructions >= count);
  CHECK(core.frame()->lanes[0].instructions <= count + 1);
}

}  // namespace

TEST_CASE("A flood of traps and console text stays within its memory") { flood(100'000); }

TEST_CASE("Ten million traps stay within their memory", "[oracle]") { flood(10'000'000); }

TEST_CASE("A disk image that vanishes while the guest runs is the guest's problem, not ours") {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("ringside-disk-{}.img", ::getpid());
  std::ofstream(path, std::ios::binary) << std::string(64 * 512, '\0');
  for (Mode mode : {Mode::Native, Mode::Hvm, Mode::Para}) {
    std::filesystem::resize_file(path, 64 * 512);
    const GuestSource source = find_guest("kernel", {}, path.string());
    Lane lane(mode, source, {.machine = {.command_line = "run=echo disk"}});
    lane.seek(RINGSIDE_SANITIZED ? 200'000 : 1'000'000);
    std::filesystem::resize_file(path, 0);
    lane.step(RINGSIDE_SANITIZED ? 1'000'000 : 20'000'000);
    INFO(name(mode) << ": " << lane.reason());
    CHECK(lane.instructions() > 100'000);
  }
  std::filesystem::remove(path);
}

TEST_CASE("A session that is dropped in the middle of anything ends at once") {
  const Command what =
      GENERATE(values<Command>({command::Run{}, command::Seek{u64{1} << 40}, command::ToNextTrap{}}));
  INFO("command " << what.index());
  const auto under_way = [](const model::Frame& f) { return f.busy || f.running || f.serial > 1; };
  bool began = false;
  {
    Session session({.guest = "kernel", .command_line = "run=primes 100000000"});
    session.send(what);
    for (int i = 0; i < 20'000 && !began; ++i) {
      began = under_way(*session.frame());
      ::usleep(1000);
    }
  }
  CHECK(began);  // and it has ended, or the test case would be out of time
}
