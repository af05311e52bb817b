// The nested page tables that the monitor builds in machine memory, read back by the processor's own walk.
#include "hypervisor/hvm/ept_tables.h"

#include "cpu/host_error.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

constexpr u64 kMonitor = 64 * kPageSize;

struct Fixture {
  MachineMemory memory{u64{4} << 20};
  FramePool frames{memory, MachinePhys(0), kMonitor};
};

}  // namespace

TEST_CASE("nested tables: a mapping is found, its neighbours are not", "[ept]") {
  for (u8 levels : {4, 2}) {
    INFO("levels " << int{levels});
    Fixture f;
    EptTables ept(f.memory, f.frames, levels);
    CHECK(ept.map(GuestPhys(0x5000), MachinePhys(0x105000)) == levels);  // one entry on each level
    CHECK(ept.map(GuestPhys(0x7000), MachinePhys(0x107000)) == 1);       // the tables are there already
    CHECK(ept.table_frames() == levels);

    const EptWalk walk = ept.walk(GuestPhys(0x5678));
    CHECK(walk.mapped);
    CHECK(walk.physical == MachinePhys(0x105678));
    CHECK(walk.count == levels);
    CHECK(walk.page_bytes == kPageSize);
    CHECK((walk.readable && walk.writable && walk.executable));
    CHECK_FALSE(ept.walk(GuestPhys(0x6000)).mapped);
    CHECK_FALSE(ept.walk(GuestPhys(0x8000)).mapped);
    CHECK(ept.walk(GuestPhys(0x7FFF)).physical == MachinePhys(0x107FFF));
  }
}

TEST_CASE("nested tables: every table lies in the monitor's own frames, and goes back", "[ept]") {
  Fixture f;
  const u64 before = f.frames.available();
  {
    EptTables ept(f.memory, f.frames, 4);
    for (u64 page = 0; page < 512; ++page) ept.map(GuestPhys(page << 21), MachinePhys(0x100000));
    CHECK(ept.root().value < kMonitor);
    const EptWalk walk = ept.walk(GuestPhys(u64{3} << 21));
    for (u8 i = 0; i < walk.count; ++i) CHECK(walk.steps[i].entry_address < kMonitor);
  }
  CHECK(f.frames.available() == before);
}

TEST_CASE("nested tables: when the frames run out they start anew", "[ept]") {
  for (u8 levels : {4, 2}) {
    INFO("levels " << int{levels});
    Fixture f;
    EptTables ept(f.memory, f.frames, levels);
    const u64 stride = levels == 4 ? u64{1} << 30 : u64{1} << 22;  // new tables for every page
    u64 page = 0;
    for (; ept.recycled() == 0; ++page) {
      REQUIRE(page < 1000);
      ept.map(GuestPhys(page * stride), MachinePhys(0x100000 + page * kPageSize));
    }
    CHECK(ept.walk(GuestPhys((page - 1) * stride)).mapped);  // the one that did not fit
    CHECK_FALSE(ept.walk(GuestPhys(0)).mapped);
    CHECK(f.frames.available() + ept.table_frames() == kMonitor / kPageSize);
  }
}

TEST_CASE("nested tables: a monitor without frames is refused", "[ept]") {
  MachineMemory memory{u64{1} << 20};
  FramePool frames{memory, MachinePhys(0), 3 * kPageSize};
  CHECK_THROWS_AS(EptTables(memory, frames, 4), HostError);
}
