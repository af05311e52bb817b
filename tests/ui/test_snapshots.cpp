// Going back: a machine put back and continued must be the machine that was replayed from power-on, byte for
// byte and count for count.
#include <cstring>
#include <random>

#include "cpu/counters.h"
#include "hypervisor/machine_layout.h"
#include "tests/catch.h"
#include "ui/model/lane.h"

using namespace ringside;
using model::Lane;

namespace {

constexpr u64 kNever = u64{1} << 60;

model::LaneOptions options(std::string command_line, u64 every) {
  return {.machine = {.command_line = std::move(command_line)}, .snapshot_every = every};
}

std::vector<u64> counts(const CpuCounters& c) {
  std::vector<u64> values(sizeof c / sizeof(u64));
  std::memcpy(values.data(), &c, values.size() * sizeof(u64));
  return values;
}

void require_equal(Lane& a, Lane& b) {
  REQUIRE(a.instructions() == b.instructions());
  Host &x = a.vm()->host(), &y = b.vm()->host();
  REQUIRE(x.memory.size() == y.memory.size());
  REQUIRE(std::memcmp(x.memory.data(), y.memory.data(), x.memory.size()) == 0);
  REQUIRE(x.cpu.state() == y.cpu.state());
  REQUIRE(a.vm()->monitor().virtual_state() == b.vm()->monitor().virtual_state());
  REQUIRE(counts(x.cpu.counters()) == counts(y.cpu.counters()));
  REQUIRE(x.now() == y.now());
  REQUIRE(x.ledger.attribution(x.profile).cycles == y.ledger.attribution(y.profile).cycles);
  REQUIRE(x.ledger.exits_closed() == y.ledger.exits_closed());
  REQUIRE(x.frames.free_frames() == y.frames.free_frames());
  REQUIRE(x.machine.devices().save() == y.machine.devices().save());
  REQUIRE(x.machine.console() == y.machine.console());
  REQUIRE(a.recorder().count() == b.recorder().count());
  REQUIRE(a.recorder().by_topic() == b.recorder().by_topic());
  REQUIRE(a.recorder().timeline()->buckets == b.recorder().timeline()->buckets);
  REQUIRE(a.recorder().events()->size() == b.recorder().events()->size());
  REQUIRE(a.ended() == b.ended());
  REQUIRE(a.reason() == b.reason());
}

/// Goes forward and back at random with snapshots, and compares each stop with a replay.
void wander(Mode mode, const std::string& command_line, u64 far, u64 every, int stops, u64 seed) {
  INFO("mode " << name(mode) << ", " << command_line);
  const GuestSource source = find_guest("kernel", {}, {});
  Lane lane(mode, source, options(command_line, every));
  REQUIRE(lane.available());
  lane.seek(far);
  CHECK(lane.history().size() > 3);
  std::mt19937_64 random(seed);
  for (int i = 0; i < stops; ++i) {
    const u64 goal = random() % far;
    INFO("to instruction " << goal);
    lane.seek(goal);
    Lane replayed(mode, source, options(command_line, kNever));
    replayed.seek(goal);
    require_equal(lane, replayed);
    // Hidden state (translations, chains, queues) shows in how it goes on.
    lane.step(far / 4);
    replayed.step(far / 4);
    require_equal(lane, replayed);
  }
}

}  // namespace

TEST_CASE("A machine put back goes on as the replayed one does, in every mode") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm);
  wander(mode, "run=echo back", 600'000, 60'000, 2, 1);
}

TEST_CASE("Through forks, pipes and the disk, a machine put back goes on as the replayed one does",
          "[oracle]") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm);
  wander(mode, "run=forkwait 20,pingpong,diskio 512 64", 12'000'000, 500'000, 5, 2);
}

TEST_CASE("What was typed and what a debugger wrote comes again, and a new input makes another future") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap);
  const GuestSource source = find_guest("kernel", {}, {});
  Lane lane(mode, source, options("run=echo back", 20'000));
  lane.seek(100'000);
  const u32 value = 0x12345678;
  REQUIRE(lane.set_register(3, value));
  const u32 address =
      lane.vm()->monitor().virtual_state().seg[CS].base + lane.vm()->monitor().virtual_state().eip;
  std::array<u8, 1> nop{0x90}, seen{}, original{};
  REQUIRE(lane.peek(address, original) == 1);
  REQUIRE(lane.poke(address, nop));
  lane.type("x");
  lane.step(30);
  REQUIRE_FALSE(lane.ended());  // what was changed may well kill it a little later
  const u64 later = lane.instructions();
  const CpuState state = lane.vm()->host().cpu.state();
  lane.seek(60'000);
  lane.seek(later);
  CHECK(lane.vm()->host().cpu.state() == state);
  REQUIRE(lane.peek(address, seen) == 1);
  CHECK(seen == nop);
  lane.seek(90'000);
  REQUIRE(lane.peek(address, seen) == 1);
  CHECK(seen == original);
  lane.type("y");  // the future with the poke is gone
  lane.seek(later);
  REQUIRE(lane.peek(address, seen) == 1);
  CHECK(seen == original);
}

TEST_CASE("History stays within its memory, keeps power-on, and is densest near the present") {
  const GuestSource source = find_guest("kernel", {}, {});
  Lane lane(Mode::Hvm, source, options("run=echo back", 2'000));
  lane.seek(300'000);
  const auto& history = lane.history();
  CHECK(history.size() <= model::History::kPoints);
  CHECK(history.size() > model::History::kPoints / 2);
  CHECK(history.bytes() <= model::History::kBytes);
  CHECK(history.before(0)->instruction() == 0);
  const u64 last = history.last()->instruction();
  CHECK(last - history.before(last - 1)->instruction() < history.before(last / 4 * 3)->instruction() / 8);
}

namespace {

struct Variant {
  const char* what;
  VmConfig config;
};

std::vector<Variant> variants() {
  const TlbGeometry small{.entries = 16, .ways = 4, .large = 4, .tagged = false, .walk_cache = 4};
  const auto with_tlb = [&](Mode mode, TlbGeometry tlb) {
    VmConfig config{.mode = mode};
    config.host.cpu.tlb = tlb;
    return config;
  };
  return {{"VT-x with shadow tables instead of EPT", {.mode = Mode::Hvm, .ept_levels = 0}},
          {"VT-x with two-level nested tables", {.mode = Mode::Hvm, .ept_levels = 2}},
          {"VT-x with large nested pages", {.mode = Mode::Hvm, .ept_large_pages = true}},
          {"shadows filled on demand", {.mode = Mode::Trap, .shadow = kShadowDemand}},
          {"shadows out of sync", {.mode = Mode::Trap, .shadow = kShadowUnsync}},
          {"bare metal with a modelled TLB", with_tlb(Mode::Native, small)},
          {"nested tables with a modelled TLB", with_tlb(Mode::Hvm, small)},
          {"shadows with a tagged TLB",
           with_tlb(Mode::Trap, {.entries = 64, .ways = 4, .large = 8, .tagged = true, .walk_cache = 24})}};
}

void require_equal(VirtualMachine& a, VirtualMachine& b) {
  REQUIRE(a.instructions() == b.instructions());
  Host &x = a.host(), &y = b.host();
  REQUIRE(std::memcmp(x.memory.data(), y.memory.data(), x.memory.size()) == 0);
  REQUIRE(x.cpu.state() == y.cpu.state());
  REQUIRE(counts(x.cpu.counters()) == counts(y.cpu.counters()));
  REQUIRE(x.now() == y.now());
  REQUIRE(x.ledger.attribution(x.profile).cycles == y.ledger.attribution(y.profile).cycles);
}

}  // namespace

TEST_CASE("Every kind of page table, and a modelled TLB, come back with a snapshot") {
  const std::size_t i = GENERATE(range(std::size_t{0}, variants().size()));
  const Variant v = variants()[i];
  INFO(v.what);
  constexpr u64 kThere = RINGSIDE_SANITIZED ? 400'000 : 3'000'000, kFurther = kThere + kThere / 2;
  const GuestSource source = find_guest("kernel", {}, {});
  const auto boot = [&] {
    VmConfig config = v.config;
    config.command_line = "run=echo back";
    config.host.machine.disk = source.make_disk();
    return std::make_unique<VirtualMachine>(source.image_for(config.mode), config);
  };
  const auto straight = boot(), back = boot();
  back->step(kThere, false);
  const auto point = back->save(nullptr);
  REQUIRE(point);
  back->step(kFurther - kThere, false);
  back->restore(*point);
  REQUIRE(back->instructions() == point->instructions);
  back->step(kFurther - kThere, false);
  straight->step(kThere, false);
  straight->step(kFurther - kThere, false);
  require_equal(*back, *straight);
}
