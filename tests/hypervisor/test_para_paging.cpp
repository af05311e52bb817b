// Direct paging on plain memory: what is accepted, every way to cheat that we know, and a long random series
// against an auditor and a processor that caches as much as it may.
#include <random>

#include "tests/catch.h"
#include "tests/hypervisor/para_paging_support.h"

namespace ringside::test {
namespace {

using para::FrameType;
using para::Status;
using World = PagingWorld;

constexpr u32 kFree = 100, kOther = 101, kThird = 102;  // frames that a test may use

TEST_CASE("the tables that a domain starts with are accepted", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  CHECK(w.info(World::kDirectory).type == FrameType::L2);
  CHECK(w.info(World::kDirectory).references == 2);
  CHECK(w.info(World::kTable).type == FrameType::L1);
  CHECK(w.info(kFree).type == FrameType::Writable);
  CHECK(w.get(World::kDirectory, 1023) == World::kMonitorEntry);
  CHECK(w.audit() == "");
}

TEST_CASE("an address space is built, used and torn down", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  // kFree: directory, kOther: table that maps kThird for the user, and the kernel's table is shared.
  w.set(kFree, 0, World::map(World::kTable, pte::W | pte::U));
  w.set(kFree, 5, World::map(kOther, pte::W | pte::U));
  w.set(kFree, 1023, 0xDEADBEEF);  // the monitor's slot: whatever it holds is overwritten
  w.set(kOther, 7, World::map(kThird, pte::W | pte::U));
  REQUIRE(w.make_read_only(kFree) == 0);
  REQUIRE(w.make_read_only(kOther) == 0);
  REQUIRE(w.paging.pin(World::machine(kFree), FrameType::L2) == 0);
  CHECK(w.get(kFree, 1023) == World::kMonitorEntry);
  CHECK(w.info(kOther).type == FrameType::L1);
  CHECK(w.info(World::kTable).references == 2);
  CHECK(w.info(kThird).references == 2);
  CHECK(w.audit() == "");

  REQUIRE(w.paging.new_base(World::machine(kFree)) == 0);
  CHECK(w.paging.base() == World::machine(kFree));
  CHECK(w.paging.update_linear(LinearAddr(0x01407000), 0) == 0);
  CHECK(w.get(kOther, 7) == 0);
  CHECK(w.info(kThird).references == 1);
  REQUIRE(w.paging.new_base(World::machine(World::kDirectory)) == 0);

  REQUIRE(w.paging.unpin(World::machine(kFree)) == 0);
  CHECK(w.info(kFree).type == FrameType::None);
  CHECK(w.info(kOther).type == FrameType::None);
  CHECK(w.paging.update(World::address(World::kTable, kFree), World::map(kFree, pte::W)) == 0);
  CHECK(w.audit() == "");
}

// Each case prepares a world and makes one request, which has to be refused without any change.
struct Refusal {
  const char* what;
  Status expected;
  Status (*attempt)(World&);
};

Status pin_l1(World& w, u32 frame) { return w.paging.pin(World::machine(frame), FrameType::L1); }
Status pin_l2(World& w, u32 frame) { return w.paging.pin(World::machine(frame), FrameType::L2); }
/// A page that the guest has filled with one entry and mapped read-only.
Status filled(World& w, u32 frame, u32 index, u32 entry, Status (*pin)(World&, u32)) {
  w.set(frame, index, entry);
  return w.make_read_only(frame) ? 999 : pin(w, frame);
}
u32 in_table(u32 index) { return World::address(World::kTable, index); }
u32 in_directory(u32 index) { return World::address(World::kDirectory, index); }

const Refusal kRefusals[] = {
    {"mapping a page table writable", -RS_EBUSY,
     [](World& w) { return w.paging.update(in_table(kFree), World::map(World::kTable, pte::W)); }},
    {"mapping the page directory writable", -RS_EBUSY,
     [](World& w) { return w.paging.update(in_table(kFree), World::map(World::kDirectory, pte::W)); }},
    {"the same through the linear address", -RS_EBUSY,
     [](World& w) {
       return w.paging.update_linear(LinearAddr(kFree << 12), World::map(World::kTable, pte::W));
     }},
    {"pinning a frame that is mapped writable as a table", -RS_EBUSY,
     [](World& w) { return pin_l1(w, kFree); }},
    {"pinning a frame that is mapped writable as a directory", -RS_EBUSY,
     [](World& w) { return pin_l2(w, kFree); }},
    {"pinning a frame that the monitor writes to", -RS_EBUSY,
     [](World& w) { return w.make_read_only(World::kShared) ? 999 : pin_l1(w, World::kShared); }},
    {"a directory entry to a frame that is mapped writable", -RS_EBUSY,
     [](World& w) { return w.paging.update(in_directory(1), World::map(kFree, pte::W)); }},
    {"a directory as its own page table", -RS_EBUSY,
     [](World& w) { return w.paging.update(in_directory(1), World::map(World::kDirectory, 0)); }},
    {"pinning the directory as a table too", -RS_EBUSY,
     [](World& w) { return w.paging.unpin(World::machine(World::kDirectory)) == -RS_EBUSY ? -RS_EBUSY : 0; }},
    {"pinning a directory that names itself", -RS_EBUSY,
     [](World& w) { return filled(w, kFree, 3, World::map(kFree, 0), pin_l2); }},
    {"pinning a table that maps itself writable", -RS_EBUSY,
     [](World& w) { return filled(w, kFree, 3, World::map(kFree, pte::W), pin_l1); }},
    {"pinning a table that maps another table writable", -RS_EBUSY,
     [](World& w) { return filled(w, kFree, 1023, World::map(World::kTable, pte::W), pin_l1); }},
    {"a directory whose table maps the directory writable", -RS_EBUSY,
     [](World& w) {
       w.set(kOther, 0, World::map(kFree, pte::W));
       return w.make_read_only(kOther) ? 999 : filled(w, kFree, 3, World::map(kOther, 0), pin_l2);
     }},
    {"a table pinned as a directory", -RS_EBUSY, [](World& w) { return pin_l2(w, World::kTable); }},
    {"mapping a frame of the monitor's", -RS_EPERM,
     [](World& w) { return w.paging.update(in_table(kFree), 5 << 12 | pte::P); }},
    {"mapping a frame of the monitor's writable", -RS_EPERM,
     [](World& w) { return w.paging.update(in_table(kFree), 5 << 12 | pte::P | pte::W); }},
    {"mapping machine frame 0", -RS_EPERM, [](World& w) { return w.paging.update(in_table(kFree), pte::P); }},
    {"mapping the frame behind the last", -RS_EPERM,
     [](World& w) { return w.paging.update(in_table(kFree), World::map(World::kFrames, 0)); }},
    {"mapping the highest frame", -RS_EPERM,
     [](World& w) { return w.paging.update(in_table(kFree), 0xFFFFF000u | pte::P); }},
    {"a directory entry to a frame of the monitor's", -RS_EPERM,
     [](World& w) { return w.paging.update(in_directory(1), 5 << 12 | pte::P); }},
    {"pinning a table that maps a frame of the monitor's", -RS_EPERM,
     [](World& w) { return filled(w, kFree, 512, 5 << 12 | pte::P, pin_l1); }},
    {"pinning a frame of the monitor's", -RS_EPERM, [](World& w) { return w.paging.pin(5, FrameType::L1); }},
    {"pinning a frame that does not exist", -RS_EPERM,
     [](World& w) { return w.paging.pin(0xFFFFFFFFu, FrameType::L2); }},
    {"unpinning a frame of the monitor's", -RS_EPERM, [](World& w) { return w.paging.unpin(5); }},
    {"updating an entry in a frame of the monitor's", -RS_EPERM,
     [](World& w) { return w.paging.update(5 << 12, 0); }},
    {"updating an entry behind the guest's last frame", -RS_EPERM,
     [](World& w) { return w.paging.update(World::address(World::kFrames, 0), 0); }},
    {"updating an entry at the end of the address space", -RS_EPERM,
     [](World& w) { return w.paging.update(0xFFFFFFFCu, 0); }},
    {"the monitor's slot of a directory", -RS_EPERM,
     [](World& w) { return w.paging.update(in_directory(1023), 0); }},
    {"a linear address in the monitor's area", -RS_EPERM,
     [](World& w) { return w.paging.update_linear(LinearAddr(RS_MONITOR_BASE), 0); }},
    {"an unaligned entry", -RS_EINVAL, [](World& w) { return w.paging.update(in_table(kFree) + 2, 0); }},
    {"an entry of a frame that is no table", -RS_EINVAL,
     [](World& w) { return w.paging.update(World::address(kFree, 0), 0); }},
    {"a linear address without a page table", -RS_EINVAL,
     [](World& w) { return w.paging.update_linear(LinearAddr(0x10000000), 0); }},
    {"a 4 MiB page", -RS_EINVAL,
     [](World& w) { return w.paging.update(in_directory(1), World::map(0, pte::PS | pte::W)); }},
    {"bit 7 in a page table", -RS_EINVAL,
     [](World& w) { return w.paging.update(in_table(kFree), World::map(kFree, pte::PS)); }},
    {"a global page", -RS_EINVAL,
     [](World& w) { return w.paging.update(in_table(kFree), World::map(kFree, pte::G)); }},
    {"pinning a directory with a 4 MiB page", -RS_EINVAL,
     [](World& w) { return filled(w, kFree, 9, World::map(0, pte::PS), pin_l2); }},
    {"CR3 to a frame of the monitor's", -RS_EPERM, [](World& w) { return w.paging.new_base(5); }},
    {"CR3 to an ordinary frame", -RS_EINVAL,
     [](World& w) { return w.paging.new_base(World::machine(kFree)); }},
    {"CR3 to a page table", -RS_EINVAL,
     [](World& w) { return w.paging.new_base(World::machine(World::kTable)); }},
    {"unpinning what is not pinned", -RS_EINVAL,
     [](World& w) { return w.paging.unpin(World::machine(World::kTable)); }},
    {"unpinning the directory in use", -RS_EBUSY,
     [](World& w) { return w.paging.unpin(World::machine(World::kDirectory)); }},
    {"pinning twice", -RS_EINVAL, [](World& w) { return pin_l2(w, World::kDirectory); }},
};

TEST_CASE("what could break out is refused", "[para][paging]") {
  for (const Refusal& refusal : kRefusals) {
    CAPTURE(refusal.what);
    World w;
    REQUIRE(w.start() == 0);
    CHECK(refusal.attempt(w) == refusal.expected);
    CHECK(w.get(World::kTable, World::kDirectory) == World::map(World::kDirectory, 0));
    CHECK(w.get(World::kDirectory, 1) == 0);
    CHECK(w.info(World::kTable).type == FrameType::L1);
    CHECK(w.paging.base() == World::machine(World::kDirectory));
    CHECK(w.audit() == "");
  }
}

TEST_CASE("a refused update leaves the entry as it was", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  const u32 before = w.get(World::kTable, kFree);
  CHECK(w.paging.update(in_table(kFree), World::map(World::kTable, pte::W)) == -RS_EBUSY);
  CHECK(w.get(World::kTable, kFree) == before);
}

TEST_CASE("an entry that is not present may hold anything", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  CHECK(w.paging.update(in_table(kFree), 0xFFFFFFFEu) == 0);
  CHECK(w.info(kFree).references == 0);
  CHECK(w.paging.update(in_directory(4), 0x00005080u) == 0);
  CHECK(w.audit() == "");
}

TEST_CASE("a table stays a table while a directory names it", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  REQUIRE(w.make_read_only(kFree) == 0);
  REQUIRE(pin_l1(w, kFree) == 0);
  REQUIRE(w.paging.update(in_directory(1), World::map(kFree, pte::W)) == 0);
  CHECK(w.paging.unpin(World::machine(kFree)) == 0);
  CHECK(w.info(kFree).type == FrameType::L1);
  CHECK(w.paging.update(in_table(kFree), World::map(kFree, pte::W)) == -RS_EBUSY);
  CHECK(w.paging.update(in_directory(1), 0) == 0);
  CHECK(w.paging.update(in_table(kFree), World::map(kFree, pte::W)) == 0);
  CHECK(w.audit() == "");
}

TEST_CASE("the TLB is flushed before a frame that was writable becomes a table", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  REQUIRE(w.make_read_only(kFree) == 0);
  REQUIRE(w.make_read_only(kOther) == 0);
  const unsigned before = w.cache.flushes;
  REQUIRE(pin_l1(w, kFree) == 0);
  CHECK(w.cache.flushes == before + 1);
  // One flush serves all frames that were given up before it.
  REQUIRE(pin_l1(w, kOther) == 0);
  CHECK(w.cache.flushes == before + 1);
}

TEST_CASE("a device may write to plain frames only", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  CHECK(w.paging.prepare_write(World::machine(kFree)));
  CHECK(w.paging.prepare_write(World::machine(World::kShared)));
  CHECK_FALSE(w.paging.prepare_write(World::machine(World::kTable)));
  CHECK_FALSE(w.paging.prepare_write(World::machine(World::kDirectory)));
  CHECK_FALSE(w.paging.prepare_write(5));
  CHECK_FALSE(w.paging.prepare_write(World::machine(World::kFrames)));
  CHECK_FALSE(w.paging.prepare_write(0xFFFFF));
  CHECK_FALSE(w.paging.prepare_write(~u32{0}));
  CHECK(w.audit() == "");
}

// ---- a long random series

/// The guest stores to every page that its current tables let it write, remembering each translation.
void touch_everything(World& w, std::mt19937& random) {
  const u32 directory = w.paging.base() - World::kFirst;
  for (u32 slot = 0; slot < 8; ++slot) {
    const u32 pde = w.get(directory, slot);
    if (!(pde & pte::P)) continue;
    w.cache.directory.emplace(slot, pde >> 12);
    if (!(pde & pte::W)) continue;
    for (unsigned n = 0; n < 4; ++n) {
      const u32 index = 90 + random() % 40;
      const u32 entry = w.get((pde >> 12) - World::kFirst, index);
      if ((entry & pte::P) && (entry & pte::W)) w.cache.writable[slot << 10 | index] = entry >> 12;
    }
  }
}

TEST_CASE("a million random requests never break an invariant", "[para][paging]") {
  World w;
  REQUIRE(w.start() == 0);
  std::mt19937 random(2003);
  constexpr u32 kLow = 95, kHigh = 125;  // few frames, so that they meet in every role
  auto some_frame = [&]() -> u32 {
    switch (random() % 16) {
      case 0: return World::kDirectory;
      case 1: return World::kTable;
      case 2: return World::kShared;
      case 3: return 5000 + random() % 3;
      default: return kLow + random() % (kHigh - kLow);
    }
  };
  auto some_entry = [&]() -> u32 {
    if (random() % 4 == 0) return 0;
    const u32 rights = random() & (pte::W | pte::U | pte::A | pte::D);
    return World::map(some_frame(), rights | (random() % 64 == 0 ? pte::PS : 0));
  };
  auto some_index = [&]() -> u32 {
    return random() % 8 == 0 ? 1023 : random() % 2 ? random() % 8 : 90 + random() % 40;
  };

  const int rounds = RINGSIDE_SANITIZED ? 100'000 : 1'000'000;
  int accepted = 0;
  for (int i = 0; i < rounds; ++i) {
    const u32 frame = some_frame(), machine = World::machine(frame);
    Status status = 0;
    switch (random() % 12) {
      case 0: status = w.paging.pin(machine, FrameType::L1); break;
      case 1: status = w.paging.pin(machine, FrameType::L2); break;
      case 2: status = w.paging.unpin(machine); break;
      case 3: status = w.paging.new_base(machine); break;
      case 4:
        if (random() % 64 == 0) w.paging.flush();
        break;
      case 5: w.paging.prepare_write(machine); break;
      case 6:
        w.cache.invalidate(LinearAddr(static_cast<u32>(random() % 8 << 22 | some_index() << 12)));
        break;
      case 7:
        status = w.paging.update_linear(LinearAddr(static_cast<u32>(random() % 8 << 22 | some_index() << 12)),
                                        some_entry());
        break;
      case 8:
        // The guest scribbles in a frame that it has in its TLB or its tables as writable.
        if (!w.cache.writable.empty()) {
          auto it = w.cache.writable.begin();
          std::advance(it, random() % w.cache.writable.size());
          w.set(it->second - World::kFirst, some_index(), some_entry());
        }
        break;
      default: status = w.paging.update(World::address(frame, some_index()), some_entry());
    }
    accepted += status == 0;
    touch_everything(w, random);
    for (const auto& [page, target] : w.cache.writable) {
      const FrameType type = w.paging.info(target).type;
      if (type == FrameType::L1 || type == FrameType::L2)
        FAIL("round " << i << ": a stale TLB entry can write to a table");
    }
    for (const auto& [slot, target] : w.cache.directory) {
      const FrameType type = w.paging.info(target).type;
      if (type == FrameType::Writable || type == FrameType::L2)
        FAIL("round " << i << ": a cached directory entry leads to what is no table any more");
    }
    if (i % 2000 == 0) {
      const std::string wrong = w.audit();
      if (!wrong.empty()) FAIL("round " << i << ": " << wrong);
    }
  }
  CHECK(w.audit() == "");
  CHECK(accepted > rounds / 4);
}

}  // namespace
}  // namespace ringside::test
