// The TLB with a geometry: its replacement, and that its counts are its own, whatever the simulator's TLB
// holds.
#include "cpu/tlb_model.h"
#include "tests/catch.h"
#include "tests/cpu/small_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u32 kDirectory = 0x10000, kTable = 0x11000;

/// A machine with paging on: 4 MiB of linear space mapped to frame i modulo 64 KiB of data.
struct Paged : SmallMachine {
  explicit Paged(TlbGeometry tlb) : SmallMachine({.tlb = tlb}) {
    for (u32 i = 0; i < 1024; i++) poke32(kTable + i * 4, (0x20000 + i % 16 * kPageSize) | 7 | 0x60);
    poke32(kTable + 1 * 4, 0x1000 | 0x67);  // the code
    poke32(kDirectory, kTable | 0x27);
    cpu.state().cr3 = kDirectory;
    cpu.state().cr0 |= cr0::PG | cr0::WP;
    cpu.flush_tlb();
  }
  u64 misses_of(std::initializer_list<u32> pages, Access access = Access::Read) {
    const u64 before = cpu.counters().tlb_misses;
    for (u32 page : pages) touch(page, access);
    return cpu.counters().tlb_misses - before;
  }
  void touch(u32 page, Access access = Access::Read) {
    u32 value = 0;
    if (access == Access::Read)
      REQUIRE(read_linear(cpu.core(), LinearAddr(page << 12), value, false));
    else
      REQUIRE(write_linear(cpu.core(), LinearAddr(page << 12), value, false));
  }
  /// What a host with a smaller, or a colder, TLB of its own would hold.
  void forget_host_side() {
    for (auto* half : {&cpu.core().tlb.supervisor, &cpu.core().tlb.user})
      for (TlbEntry& e : *half)
        if (e.page_tag != TlbEntry::kNone) {
          e.read_tag = e.write_tag = TlbEntry::kNone;
          e.page_tag = TlbEntry::kEmptied;
        }
    drop_code_translations(cpu.core());
  }
};

}  // namespace

TEST_CASE("a modelled TLB holds as many pages as it has entries", "[tlb]") {
  Paged m({.entries = 8, .ways = 2});  // 4 sets
  CHECK(m.misses_of({2, 3, 4, 5}) == 4);
  CHECK(m.misses_of({2, 3, 4, 5, 2, 3}) == 0);
  CHECK(m.misses_of({6, 10}) == 2);  // the second and a third page of set 2
  CHECK(m.misses_of({6, 10}) == 0);
  CHECK(m.misses_of({2}) == 1);         // first in, first out
  CHECK(m.misses_of({10, 6, 3}) == 1);  // in place of 6
}

TEST_CASE("the first write to a page walks, to set its dirty bit", "[tlb]") {
  Paged m({.entries = 8, .ways = 2});
  m.poke32(kTable + 5 * 4, 0x25007);
  m.cpu.flush_tlb();
  CHECK(m.misses_of({5}) == 1);
  CHECK(m.misses_of({5, 5}, Access::Write) == 1);
  CHECK(m.misses_of({5}) == 0);
  CHECK((m.peek32(kTable + 5 * 4) & pte::D) != 0);
}

TEST_CASE("flushes and INVLPG reach the modelled TLB", "[tlb]") {
  Paged m({.entries = 8, .ways = 2});
  m.misses_of({2, 3});
  m.cpu.invalidate_page(LinearAddr(2 << 12));
  CHECK(m.misses_of({2, 3}) == 1);
  m.cpu.flush_tlb();
  CHECK(m.misses_of({2, 3}) == 2);
  m.cpu.state().cr4 |= cr4::PGE;
  m.poke32(kTable + 3 * 4, 0x23167);
  m.cpu.flush_tlb();
  m.misses_of({2, 3});
  apply_cr3(m.cpu.core(), kDirectory);
  CHECK(m.misses_of({3}) == 0);  // global
  CHECK(m.misses_of({2}) == 1);
}

TEST_CASE("large pages have entries of their own, or are split", "[tlb]") {
  for (u16 large : {u16{0}, u16{2}}) {
    Paged m({.entries = 4, .ways = 4, .large = large});
    m.cpu.state().cr4 |= cr4::PSE;
    m.poke32(kDirectory + 4, 0x000000E7);  // 4 MiB at linear 4 MiB, physical 0
    m.cpu.flush_tlb();
    u64 misses = 0;
    for (int round = 0; round < 2; round++)
      for (u32 page = 1024; page < 1024 + 16; page++) misses += m.misses_of({page});
    CHECK(misses == (large ? 1 : 32));
  }
}

TEST_CASE("counts do not depend on what the simulator's own TLB holds", "[tlb]") {
  for (const TlbGeometry& tlb : {TlbGeometry{.entries = 4, .ways = 1}, TlbGeometry{.entries = 1, .ways = 1},
                                 TlbGeometry{.entries = 64, .ways = 4, .large = 8}}) {
    Paged warm(tlb), cold(tlb);
    u32 random = 1;
    for (int step = 0; step < 4000; step++) {
      random = random * 1664525 + 1013904223;
      const u32 page = 2 + (random >> 20) % 40;
      const auto access = random & 0x80000 ? Access::Read : Access::Write;
      warm.touch(page, access);
      cold.forget_host_side();
      cold.touch(page, access);
      if (random >> 24 == 7) warm.cpu.flush_tlb(), cold.cpu.flush_tlb();
    }
    CHECK(warm.cpu.counters().tlb_misses == cold.cpu.counters().tlb_misses);
    CHECK(warm.cpu.counters().walk_references == cold.cpu.counters().walk_references);
    CHECK(warm.cpu.counters().walk_cache_hits == cold.cpu.counters().walk_cache_hits);
    CHECK(warm.cpu.counters().tlb_misses > 40);
  }
}

TEST_CASE("instruction fetches miss in a TLB of their own", "[tlb]") {
  // jmp between two pages, 100 times each, with data in a third: one entry is enough for none of them.
  for (u16 entries : {u16{1}, u16{2}}) {
    Paged m({.entries = entries, .ways = entries});
    m.poke32(kTable + 2 * 4, 0x2000 | 0x67);
    m.poke(0x1000, {0xE9, 0xFB, 0x0F, 0x00, 0x00});  // jmp 2000h
    m.poke(0x2000,
           {0x49, 0x74, 0x05, 0xE9, 0xF8, 0xEF, 0xFF, 0xFF, 0xF4});  // dec ecx; jz end; jmp 1000h; end: hlt
    m.poke(0x2001, {0x74, 0x05});
    m.reg(ECX) = 100;
    REQUIRE(m.runs_to<exits::Halted>(1000));
    CHECK(m.cpu.counters().tlb_misses == (entries == 1 ? 200 : 2));
  }
}

TEST_CASE("the page-walk cache answers for the levels above the last", "[tlb]") {
  for (u16 walk_cache : {u16{0}, u16{24}}) {
    Paged m({.entries = 1, .ways = 1, .walk_cache = walk_cache});
    m.misses_of({2, 3, 4, 5});
    CHECK(m.cpu.counters().walk_references == 8);
    CHECK(m.cpu.counters().walk_cache_hits == (walk_cache ? 3 : 0));
  }
}
