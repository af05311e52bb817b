// Shadow page tables on plain memory: no processor runs; the shadow is read back as the processor would walk
// it.
#include <memory>
#include <random>
#include <set>

#include "cpu/host_error.h"
#include "hypervisor/guest_walk.h"
#include "hypervisor/trap/shadow_paging.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

constexpr u64 kRam = 8u << 20;
constexpr u32 kDirectory = 0x1000, kTable = 0x2000, kTable2 = 0x3000, kDirectory2 = 0x4000;
constexpr u32 kRw = pte::P | pte::W, kUser = kRw | pte::U;
constexpr u32 kMonitorEntry = 0x00001063;
constexpr GuestPhys kDevice(0xB8000);

struct Bench {
  explicit Bench(ShadowPolicy policy = kShadowCached, u64 monitor = 1u << 20)
      : memory(monitor + kRam),
        frames(memory, MachinePhys(0), monitor),
        ram(memory, MachinePhys(monitor), kRam),
        paging(
            ram, frames, ledger, policy, kMonitorEntry,
            [this](std::optional<LinearAddr> a) {
              if (a)
                invalidated.insert(a->value);
              else
                ++flushes;
            },
            [](GuestPhys a) { return a.page() == kDevice || a.value >= kRam; }) {}

  void put(u32 address, u32 value) { ram.write(GuestPhys(address), value); }
  u32 get(u32 address) { return *ram.read<u32>(GuestPhys(address)); }
  /// A guest store that the processor would have trapped if the page is traced.
  void store(u32 address, u32 value) {
    put(address, value);
    if (paging.traced(GuestPhys(address))) paging.memory_written(GuestPhys(address), 4);
  }
  void start(u32 cr0_bits = cr0::PE | cr0::PG | cr0::WP, u32 cr4 = 0, u32 cr3 = kDirectory) {
    root = paging.set_mode({.cr3 = cr3, .cr0 = cr0_bits, .cr4 = cr4});
  }
  /// As the processor walks the shadow: CR0.WP is always on there.
  PageWalk walk(u32 linear, Access access, bool user) {
    return walk_pages(
        {.cr3 = static_cast<u32>(root.value), .cr0 = cr0::PE | cr0::PG | cr0::WP, .user = user},
        LinearAddr(linear), access, false,
        [&](u64 a) {
          u32 v;
          std::memcpy(&v, memory.at(MachinePhys(a), 4), 4);
          return v;
        },
        [](u64, u32) {});
  }
  bool access(u32 linear, Access a, bool user) { return walk(linear, a, user).ok; }
  using Kind = ShadowPaging::Resolution::Kind;
  Kind resolve(u32 linear, Access a, bool user) { return paging.resolve(LinearAddr(linear), a, user).kind; }

  MachineMemory memory;
  FramePool frames;
  GuestMemory ram;
  Ledger ledger;
  std::set<u32> invalidated;
  unsigned flushes = 0;
  ShadowPaging paging;
  MachinePhys root;
};
using Kind = Bench::Kind;

}  // namespace

TEST_CASE("a shadow is filled on demand and maps guest frames to machine frames", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable + 5 * 4, 0x7000 | kUser);
  b.start();
  CHECK_FALSE(b.access(0x5123, Access::Read, false));
  REQUIRE(b.resolve(0x5123, Access::Read, false) == Kind::Filled);
  const PageWalk w = b.walk(0x5123, Access::Read, true);
  REQUIRE(w.ok);
  CHECK(w.physical == b.ram.base().value + 0x7123);
  CHECK(b.get(kTable + 5 * 4) == (0x7000 | kUser | pte::A));
  CHECK(b.get(kDirectory) == (kTable | kUser | pte::A));
}

TEST_CASE("the first write sets the guest's dirty bit before the shadow lets it pass", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable + 4, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0x1000, Access::Read, false) == Kind::Filled);
  CHECK_FALSE(b.access(0x1000, Access::Write, false));
  REQUIRE(b.resolve(0x1000, Access::Write, false) == Kind::Filled);
  CHECK(b.access(0x1000, Access::Write, false));
  CHECK((b.get(kTable + 4) & pte::D) != 0);
  // Clearing D by a traced store takes the right away again, and the TLB hears of it.
  b.invalidated.clear();
  b.store(kTable + 4, 0x7000 | kUser | pte::A);
  CHECK_FALSE(b.access(0x1000, Access::Write, false));
  CHECK(b.access(0x1000, Access::Read, false));
  CHECK(b.invalidated.count(0x1000) == 1);
}

TEST_CASE("true page faults carry the guest's own error code", "[trap]") {
  struct Row {
    u32 directory, entry;
    u32 cr0_bits;
    Access access;
    bool user;
    std::optional<u32> error;
  };
  const u32 wp = cr0::PE | cr0::PG | cr0::WP, no_wp = cr0::PE | cr0::PG;
  const Row rows[] = {
      {0, 0, wp, Access::Read, false, 0},
      {kTable | kUser, 0, wp, Access::Write, true, page_fault::W | page_fault::U},
      {kTable | kUser, 0x7000 | kRw, wp, Access::Read, true, page_fault::P | page_fault::U},
      {kTable | kRw, 0x7000 | kUser, wp, Access::Read, true, page_fault::P | page_fault::U},
      {kTable | kUser, 0x7000 | pte::P | pte::U, wp, Access::Write, false, page_fault::P | page_fault::W},
      {kTable | kUser, 0x7000 | pte::P | pte::U, no_wp, Access::Write, false, std::nullopt},
      {kTable | kUser, 0x7000 | pte::P | pte::U, no_wp, Access::Write, true,
       page_fault::P | page_fault::W | page_fault::U},
      {kTable | kUser, 0x7000 | kUser, wp, Access::Write, true, std::nullopt},
  };
  for (const Row& row : rows) {
    Bench b;
    b.put(kDirectory, row.directory);
    b.put(kTable, row.entry);
    b.start(row.cr0_bits);
    const auto r = b.paging.resolve(LinearAddr(0), row.access, row.user);
    CHECK((r.kind == Kind::Filled) == !row.error);
    if (row.error) CHECK(r.walk.error_code == *row.error);
    CHECK(b.access(0, row.access, row.user) == !row.error);
  }
}

TEST_CASE("without CR0.WP a page is the kernel's or the users', whoever touched it last", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | pte::P | pte::U);
  b.start(cr0::PE | cr0::PG);
  REQUIRE(b.resolve(0, Access::Write, false) == Kind::Filled);
  CHECK(b.access(0, Access::Write, false));
  CHECK_FALSE(b.access(0, Access::Read, true));  // else a user could write, too
  REQUIRE(b.resolve(0, Access::Read, true) == Kind::Filled);
  CHECK(b.access(0, Access::Read, true));
  CHECK_FALSE(b.access(0, Access::Write, true));
  CHECK_FALSE(b.access(0, Access::Write, false));
}

TEST_CASE("page tables are write-protected wherever they are mapped", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable + 2 * 4, 0x7000 | kUser);
  b.put(kTable + 3 * 4, kTable | kUser);      // the table itself, as data
  b.put(kTable + 4 * 4, kDirectory | kUser);  // and the directory
  b.put(kTable + 6 * 4, kTable2 | kUser);     // a table to come
  b.start();
  REQUIRE(b.resolve(0x6000, Access::Write, false) == Kind::Filled);
  CHECK(b.access(0x6000, Access::Write, false));
  CHECK(b.resolve(0x3000, Access::Write, false) == Kind::TracedWrite);
  CHECK(b.resolve(0x4000, Access::Write, false) == Kind::TracedWrite);
  REQUIRE(b.resolve(0x3000, Access::Read, false) == Kind::Filled);
  CHECK_FALSE(b.access(0x3000, Access::Write, false));

  // kTable2 becomes a page table: the writable mapping that it has loses the right.
  b.store(kDirectory + 4, kTable2 | kUser);
  REQUIRE(b.resolve(0x400000, Access::Read, false) == Kind::GuestFault);
  b.store(kTable2, 0x8000 | kUser);
  REQUIRE(b.resolve(0x400000, Access::Read, false) == Kind::Filled);
  CHECK_FALSE(b.access(0x6000, Access::Write, false));
  CHECK(b.resolve(0x6000, Access::Write, false) == Kind::TracedWrite);
  CHECK(b.invalidated.count(0x6000) == 1);
}

TEST_CASE("traced writes reach the shadow at once", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | kUser | pte::A | pte::D);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, true) == Kind::Filled);
  CHECK(b.access(0, Access::Write, true));
  b.store(kTable, 0x8000 | pte::P | pte::U | pte::A);
  CHECK(b.walk(0, Access::Read, true).physical == b.ram.base().value + 0x8000);
  CHECK_FALSE(b.access(0, Access::Write, true));
  b.store(kTable, 0);
  CHECK_FALSE(b.access(0, Access::Read, false));
  CHECK(b.invalidated.count(0) == 1);
  // The directory entry goes, and with it the whole table.
  b.store(kTable, 0x8000 | kUser | pte::A);
  REQUIRE(b.access(0, Access::Read, true));
  b.store(kDirectory, 0);
  CHECK_FALSE(b.access(0, Access::Read, true));
}

TEST_CASE("a table that is written and never used is taken for data", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  REQUIRE(b.paging.shadows(GuestPhys(kTable)));
  for (u32 i = 1; i <= 4; ++i) b.store(kTable + i * 4, i);
  CHECK_FALSE(b.paging.shadows(GuestPhys(kTable)));
  CHECK_FALSE(b.paging.traced(GuestPhys(kTable)));
  CHECK_FALSE(b.access(0, Access::Read, false));
  CHECK(b.resolve(0, Access::Read, false) == Kind::Filled);  // still a table: comes back
  CHECK(b.paging.traced(GuestPhys(kTable)));
}

TEST_CASE("a 4 MiB page is split, and dirty only after a write", "[trap]") {
  Bench b;
  b.put(kDirectory + 4, 0x400000 | kUser | pte::PS);
  b.start(cr0::PE | cr0::PG | cr0::WP, cr4::PSE);
  REQUIRE(b.resolve(0x412345, Access::Read, true) == Kind::Filled);
  CHECK(b.walk(0x412345, Access::Read, true).physical == b.ram.base().value + 0x412345);
  CHECK_FALSE(b.access(0x412345, Access::Write, true));
  CHECK((b.get(kDirectory + 4) & pte::D) == 0);
  REQUIRE(b.resolve(0x412345, Access::Write, true) == Kind::Filled);
  CHECK(b.access(0x412345, Access::Write, true));
  CHECK((b.get(kDirectory + 4) & pte::D) != 0);
  b.store(kDirectory + 4, 0x400000 | kUser | pte::PS | pte::A);  // D cleared
  CHECK_FALSE(b.access(0x412345, Access::Write, true));
}

TEST_CASE("with guest paging off the shadow is the identity, without devices", "[trap]") {
  Bench b;
  b.start(cr0::PE);
  REQUIRE(b.resolve(0x345678, Access::Write, false) == Kind::Filled);
  CHECK(b.walk(0x345678, Access::Write, false).physical == b.ram.base().value + 0x345678);
  CHECK(b.resolve(0xB8010, Access::Write, false) == Kind::Device);
  CHECK(b.resolve(0x10000000, Access::Read, false) == Kind::Device);
  CHECK_FALSE(b.access(0xB8010, Access::Read, false));
}

TEST_CASE("shadows are kept for each root, and shared by roots that share a table", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kDirectory2, kTable | kUser);
  b.put(kTable, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  b.start(cr0::PE | cr0::PG | cr0::WP, 0, kDirectory2);
  CHECK_FALSE(b.access(0, Access::Read, false));
  const u64 before = b.paging.tables();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  CHECK(b.paging.tables() == before);
  b.start();
  CHECK(b.access(0, Access::Read, false));  // nothing to fill again

  Bench demand(kShadowDemand);
  demand.put(kDirectory, kTable | kUser);
  demand.put(kTable, 0x7000 | kUser);
  demand.start();
  REQUIRE(demand.resolve(0, Access::Read, false) == Kind::Filled);
  demand.start();
  CHECK_FALSE(demand.access(0, Access::Read, false));
}

TEST_CASE("without tracing INVLPG drops an entry", "[trap]") {
  Bench b(kShadowDemand);
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  CHECK_FALSE(b.paging.traced(GuestPhys(kTable)));
  b.store(kTable, 0);
  CHECK(b.access(0, Access::Read, false));  // stale, as a TLB entry may be
  b.paging.invlpg(LinearAddr(0));
  CHECK_FALSE(b.access(0, Access::Read, false));
  CHECK(b.resolve(0, Access::Read, false) == Kind::GuestFault);
}

TEST_CASE("a page table goes out of sync at its first write, and comes back", "[trap]") {
  Bench b(kShadowUnsync);
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | kUser);
  b.put(kTable + 4, 0x8000 | kUser);
  b.put(kTable + 3 * 4, kTable | kUser);
  b.put(kTable + 4 * 4, kDirectory | kUser);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  REQUIRE(b.resolve(0x1000, Access::Read, false) == Kind::Filled);
  REQUIRE(b.paging.traced(GuestPhys(kTable)));
  CHECK(b.resolve(0x4000, Access::Write, false) == Kind::TracedWrite);  // a directory never goes
  REQUIRE(b.resolve(0x3000, Access::Write, false) == Kind::Unsynced);
  CHECK(b.access(0x3000, Access::Write, false));  // the guest writes to its table directly
  CHECK_FALSE(b.paging.traced(GuestPhys(kTable)));
  CHECK(b.paging.unsynced() == 1);

  // Two edits that nobody sees: both translations are stale, as a TLB's may be.
  b.put(kTable, 0x9000 | kUser | pte::A);
  b.put(kTable + 4, 0);
  CHECK(b.walk(0, Access::Read, false).physical == b.ram.base().value + 0x7000);
  CHECK(b.access(0x1000, Access::Read, false));
  CHECK(b.paging.entry_state(LinearAddr(0)).why == ShadowEntryState::Why::Stale);
  CHECK(b.paging.entry_state(LinearAddr(0)).unsynced);

  b.paging.invlpg(LinearAddr(0));
  CHECK(b.walk(0, Access::Read, false).physical == b.ram.base().value + 0x9000);
  CHECK(b.access(0x1000, Access::Read, false));  // still stale
  b.start();                                     // CR3 write
  CHECK_FALSE(b.access(0x1000, Access::Read, false));
  CHECK(b.walk(0, Access::Read, false).physical == b.ram.base().value + 0x9000);
  CHECK(b.paging.traced(GuestPhys(kTable)));
  CHECK(b.paging.unsynced() == 0);
  CHECK_FALSE(b.access(0x3000, Access::Write, false));  // and protected again
}

TEST_CASE("every shadow entry says why it is what it is", "[trap]") {
  using Why = ShadowEntryState::Why;
  Bench b;
  b.put(kDirectory, kTable | kUser);
  const u32 entries[] = {0,
                         0x7000 | kUser,
                         0x8000 | kUser,
                         kTable | kUser,
                         0xA000 | kUser,
                         0xB8000 | kUser,
                         0xB000 | pte::P | pte::U};
  for (u32 i = 0; i < std::size(entries); ++i) b.put(kTable + i * 4, entries[i]);
  b.start(cr0::PE | cr0::PG);
  REQUIRE(b.resolve(0x1000, Access::Write, false) == Kind::Filled);
  REQUIRE(b.resolve(0x2000, Access::Read, false) == Kind::Filled);
  REQUIRE(b.resolve(0x3000, Access::Read, false) == Kind::Filled);
  REQUIRE(b.resolve(0x6000, Access::Write, false) == Kind::Filled);
  const Why expected[] = {Why::GuestAbsent, Why::InSync, Why::CleanPage, Why::TracedTable,
                          Why::NotFilled,   Why::Device, Why::KernelOnly};
  for (u32 i = 0; i < std::size(expected); ++i) {
    INFO(i << ": " << describe(b.paging.entry_state(LinearAddr(i << 12)).why));
    CHECK(b.paging.entry_state(LinearAddr(i << 12)).why == expected[i]);
  }
  b.paging.trace(GuestPhys(0x7000));
  CHECK(b.paging.entry_state(LinearAddr(0x1000)).why == Why::TracedOther);
  CHECK(b.paging.entry_state(LinearAddr(0xFFFFF000)).why == Why::Monitor);
  CHECK(b.paging.entry_state(LinearAddr(0x1000)).guest == b.get(kTable + 4));
}

TEST_CASE("an exhausted frame pool is recycled", "[trap]") {
  Bench b(kShadowCached, 3 * kPageSize);  // a root and two tables
  for (u32 i = 0; i < 64; ++i) {
    b.put(kDirectory + i * 4, (0x10000 + i * kPageSize) | kUser);
    b.put(0x10000 + i * kPageSize, 0x100000 | kUser);
  }
  b.start();
  for (int round = 0; round < 3; ++round) {
    for (u32 i = 0; i < 64; ++i) {
      REQUIRE(b.resolve(i << 22, Access::Write, false) == Kind::Filled);
      REQUIRE(b.access(i << 22, Access::Write, false));
    }
  }
  CHECK(b.paging.tables() == 3);
  Bench tiny(kShadowCached, kPageSize);
  tiny.put(kDirectory, kTable | kUser);
  tiny.put(kTable, 0x7000 | kUser);
  tiny.start();
  CHECK_THROWS_AS(tiny.resolve(0, Access::Read, false), HostError);
}

TEST_CASE("a page directory that points to itself", "[trap]") {
  Bench b;
  b.put(kDirectory, kDirectory | kUser);
  b.put(kDirectory + 4 * 5, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0x5000, Access::Read, false) == Kind::Filled);  // the directory as its own table
  CHECK(b.walk(0x5000, Access::Read, false).physical == b.ram.base().value + 0x7000);
  CHECK(b.resolve(0, Access::Write, false) == Kind::TracedWrite);
  b.store(kDirectory, 0);
  CHECK_FALSE(b.access(0x5000, Access::Read, false));
}

TEST_CASE("the root in use can be given up to the guest and is still obeyed", "[trap]") {
  Bench b;
  b.put(kDirectory, kTable | kUser);
  b.put(kTable, 0x7000 | kUser);
  b.start();
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  b.paging.unshadow(GuestPhys(kDirectory));
  CHECK_FALSE(b.paging.traced(GuestPhys(kDirectory)));
  REQUIRE(b.resolve(0, Access::Read, false) == Kind::Filled);
  b.store(kDirectory, 0);
  b.paging.invlpg(LinearAddr(0));
  CHECK_FALSE(b.access(0, Access::Read, false));
  b.start();
  CHECK(b.paging.traced(GuestPhys(kDirectory)));
}

TEST_CASE("random edits of the guest's tables: the shadow permits what a flushed processor would", "[trap]") {
  for (const ShadowPolicy& policy : kShadowPolicies) {
    INFO(policy.name);
    Bench b(policy, 12 * kPageSize);
    std::mt19937 random(7);
    auto pick = [&](u32 n) { return static_cast<u32>(random() % n); };
    const u32 tables[] = {kDirectory, kDirectory2, kTable, kTable2, 0x5000};
    auto entry = [&] {
      const u32 frame = pick(3) ? tables[pick(5)] : 0x10000 + pick(4) * kPageSize;
      return frame | (pick(8) ? pte::P : 0) | (random() & (pte::W | pte::U | pte::A | pte::D)) |
             (pick(12) ? 0 : pte::PS);
    };
    u32 cr3 = kDirectory;
    u32 cr0_bits = cr0::PE | cr0::PG | cr0::WP;
    const u32 cr4_bits = cr4::PSE;
    b.start(cr0_bits, cr4_bits, cr3);
    for (int step = 0; step < 60000; ++step) {
      const u32 linear = pick(4) << 22 | pick(8) << 12;
      switch (pick(12)) {
        case 0:
        case 1: {
          const u32 table = tables[pick(5)], index = pick(8);
          b.store(table + index * 4, entry());
          // What is not traced is a TLB, which the guest must tell.
          if (policy.name != kShadowCached.name) b.start(cr0_bits, cr4_bits, cr3);
          break;
        }
        case 2:
          cr3 = pick(2) ? kDirectory : kDirectory2;
          b.start(cr0_bits, cr4_bits, cr3);
          break;
        case 3:
          if (!pick(40)) {
            cr0_bits ^= cr0::WP;
            b.start(cr0_bits, cr4_bits, cr3);
          }
          break;
        case 4:
          if (!pick(40)) b.paging.unshadow(GuestPhys(tables[pick(5)])), b.start(cr0_bits, cr4_bits, cr3);
          break;
        default: break;
      }
      const Access access = pick(2) ? Access::Read : Access::Write;
      const bool user = pick(2);
      const PageWalk guest = walk_guest(b.ram, {.cr3 = cr3, .cr0 = cr0_bits, .cr4 = cr4_bits, .user = user},
                                        LinearAddr(linear), access);
      const PageWalk shadow = b.walk(linear, access, user);
      if (shadow.ok) {  // never more than the guest's tables permit, and never to a protected page
        REQUIRE(guest.ok);
        REQUIRE(shadow.physical == b.ram.base().value + guest.physical);
        if (access == Access::Write) REQUIRE_FALSE(b.paging.traced(GuestPhys(guest.physical)));
        continue;
      }
      const Kind kind = b.resolve(linear, access, user);
      if (!guest.ok) {
        REQUIRE(kind == Kind::GuestFault);
      } else if (kind == Kind::Filled &&
                 !(access == Access::Write && b.paging.traced(GuestPhys(guest.physical)))) {
        REQUIRE(b.access(linear, access, user));
      }
    }
  }
}
