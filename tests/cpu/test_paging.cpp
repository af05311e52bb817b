// The page walk and the TLB that it fills.
// Manual: Intel SDM vol. 3 ch. 4, 29.3.
#include "cpu/ept.h"
#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u32 kDirectory = 0x100000, kTable = 0x101000, kPage = 0x200000, kLinear = 0x00C03000;

struct Rights {
  u32 bits;  // of P, W, U
  const char* name;
};

/// One page at kLinear through one directory entry and one table entry.
void map(BareCore& b, u32 directory_bits, u32 table_bits) {
  b.put<u32>(kDirectory + (kLinear >> 22) * 4, kTable | directory_bits);
  b.put<u32>(kTable + (kLinear >> 12 & 1023) * 4, kPage | table_bits);
}

PageWalk walk(BareCore& b, const PagingMode& mode, Access access, bool set_bits = false) {
  return walk_pages(
      mode, LinearAddr(kLinear + 0x123), access, set_bits,
      [&](u64 a) { return b.get<u32>(static_cast<u32>(a)); },
      [&](u64 a, u32 v) { b.put(static_cast<u32>(a), v); });
}

}  // namespace

TEST_CASE("rights combine over both levels, and WP binds the supervisor", "[paging]") {
  // Every combination of P, W, U at both levels, by privilege, access and WP: table 4.6 of the manual,
  // restated as a sentence: user needs U and U; a write needs W and W unless it is the supervisor's and WP is
  // clear.
  BareCore b;
  for (u32 pde = 0; pde < 8; pde++)
    for (u32 entry = 0; entry < 8; entry++)
      for (bool user : {false, true})
        for (bool write : {false, true})
          for (bool wp : {false, true}) {
            map(b, pde, entry);
            const PagingMode mode{kDirectory, cr0::PG | cr0::PE | (wp ? cr0::WP : 0), 0, user};
            const PageWalk w = walk(b, mode, write ? Access::Write : Access::Read);
            CAPTURE(pde, entry, user, write, wp);
            const bool present = (pde & 1) && (entry & 1);
            const bool allowed =
                present && (!user || (pde & entry & 4)) && (!write || (pde & entry & 2) || (!user && !wp));
            REQUIRE(w.ok == allowed);
            if (allowed) {
              REQUIRE(w.physical == kPage + 0x123);
              REQUIRE(w.writable == bool(pde & entry & 2));
              REQUIRE(w.user == bool(pde & entry & 4));
            } else {
              REQUIRE(w.error_code == (present ? 1u : 0u) + (write ? 2u : 0u) + (user ? 4u : 0u));
            }
            REQUIRE(w.count == ((pde & 1) ? 2 : 1));
          }
}

TEST_CASE("accessed and dirty bits are set by what they record", "[paging]") {
  BareCore b;
  const PagingMode mode{kDirectory, cr0::PG | cr0::PE, 0, false};
  auto bits = [&] {
    return std::pair(b.get<u32>(kDirectory + (kLinear >> 22) * 4) & (pte::A | pte::D),
                     b.get<u32>(kTable + (kLinear >> 12 & 1023) * 4) & (pte::A | pte::D));
  };
  map(b, 7, 7);
  walk(b, mode, Access::Write, false);
  REQUIRE(bits() == std::pair(0u, 0u));
  REQUIRE_FALSE(walk(b, mode, Access::Read, true).dirty);
  REQUIRE(bits() == std::pair(pte::A, pte::A));
  REQUIRE(walk(b, mode, Access::Write, true).dirty);
  REQUIRE(bits() == std::pair(pte::A, pte::A | pte::D));
  map(b, 7, 5);  // a refused write leaves no trace
  walk(b, {kDirectory, cr0::PG | cr0::PE, 0, true}, Access::Write, true);
  REQUIRE(bits() == std::pair(0u, 0u));
}

TEST_CASE("large pages and their reserved bits", "[paging]") {
  BareCore b;
  const u32 pde = kDirectory + (kLinear >> 22) * 4;
  const u32 pg = cr0::PG | cr0::PE;
  b.put<u32>(pde, 0x00800000 | pte::P | pte::W | pte::PS);
  PageWalk w = walk(b, {kDirectory, pg, cr4::PSE, false}, Access::Write, true);
  REQUIRE(w.ok);
  REQUIRE(w.physical == 0x00800000 + (kLinear & 0x3FFFFF) + 0x123);
  REQUIRE(w.page_bytes == 4u << 20);
  REQUIRE((b.get<u32>(pde) & (pte::A | pte::D)) == (pte::A | pte::D));

  // Without PSE the bit is ignored and the entry refers to a table.
  b.put<u32>(pde, kTable | pte::P | pte::W | pte::PS);
  b.put<u32>(kTable + (kLinear >> 12 & 1023) * 4, kPage | pte::P);
  REQUIRE(walk(b, {kDirectory, pg, 0, false}, Access::Read).physical == kPage + 0x123);

  for (u32 bit = 13; bit <= 21; bit++) {
    b.put<u32>(pde, 0x00800000 | pte::P | pte::W | pte::PS | 1u << bit);
    w = walk(b, {kDirectory, pg, cr4::PSE, false}, Access::Write);
    REQUIRE_FALSE(w.ok);
    REQUIRE(w.error_code == (page_fault::P | page_fault::W | page_fault::RSVD));
  }
}

TEST_CASE("PAE: three levels, 2 MiB pages, reserved bits", "[paging]") {
  BareCore b;
  constexpr u32 kPointers = 0x102020, kPaeDirectory = 0x103000;
  const PagingMode mode{kPointers, cr0::PG | cr0::PE, cr4::PAE, false};
  const u32 pointer = kPointers + (kLinear >> 30) * 8, pde = kPaeDirectory + (kLinear >> 21 & 511) * 8,
            entry = kTable + (kLinear >> 12 & 511) * 8;
  auto reset = [&] {
    b.put<u64>(pointer, kPaeDirectory | 1);
    b.put<u64>(pde, kTable | 7);
    b.put<u64>(entry, kPage | 7);
  };
  reset();
  PageWalk w = walk(b, mode, Access::Write, true);
  REQUIRE(w.ok);
  REQUIRE(w.count == 3);
  REQUIRE(w.physical == kPage + 0x123);
  REQUIRE(b.get<u64>(pointer) == (kPaeDirectory | 1));  // pointers have no accessed bit
  REQUIRE((b.get<u64>(entry) & (pte::A | pte::D)) == (pte::A | pte::D));

  b.put<u64>(pde, 0x00800000ull | 7 | pte::PS);
  w = walk(b, mode, Access::Read);
  REQUIRE(w.page_bytes == 2u << 20);
  REQUIRE(w.physical == 0x00800000 + (kLinear & 0x1FFFFF) + 0x123);

  const struct {
    u32 at;
    u64 value;
    u32 error;
    const char* what;
  } bad[] = {
      {pointer, 0, 0, "pointer absent"},
      {pointer, kPaeDirectory | 1 | 2, 9, "pointer bit 1"},
      {pointer, (1ull << 36) | kPaeDirectory | 1, 9, "pointer beyond MAXPHYADDR"},
      {pde, 0, 0, "directory entry absent"},
      {pde, (1ull << 63) | kTable | 7, 9, "no execute-disable here"},
      {pde, 0x00800000ull | 1ull << 13 | 7 | pte::PS, 9, "2 MiB page, bit 13"},
      {entry, 0, 0, "entry absent"},
      {entry, (1ull << 40) | kPage | 7, 9, "entry beyond MAXPHYADDR"},
  };
  for (const auto& row : bad) {
    reset();
    b.put<u64>(row.at, row.value);
    w = walk(b, mode, Access::Read);
    INFO(row.what);
    REQUIRE_FALSE(w.ok);
    REQUIRE(w.error_code == row.error);
  }
}

TEST_CASE("an access that crosses into a bad page changes nothing and names the second page", "[paging]") {
  BareCore b;
  b.c.s.cr3 = kDirectory;
  b.c.s.cr0 |= cr0::PG;
  map(b, 7, 7);
  b.put<u32>(kPage + 0xFFC, 0x11223344);
  const LinearAddr crossing(kLinear + 0xFFE);
  REQUIRE_FALSE(write_linear<u32>(b.c, crossing, 0xAABBCCDD, true));
  REQUIRE(outcome(b.c, false).text == "#PF(6)");
  REQUIRE(b.c.fault.cr2 == kLinear + 0x1000);
  REQUIRE(b.get<u32>(kPage + 0xFFC) == 0x11223344);

  b.put<u32>(kTable + ((kLinear >> 12 & 1023) + 1) * 4, (kPage + 0x5000) | 7);
  REQUIRE(write_linear<u32>(b.c, crossing, 0xAABBCCDD, true));
  REQUIRE(b.get<u16>(kPage + 0xFFE) == 0xCCDD);
  REQUIRE(b.get<u16>(kPage + 0x5000) == 0xAABB);
  u32 value = 0;
  REQUIRE(read_linear(b.c, crossing, value, true));
  REQUIRE(value == 0xAABBCCDD);
}

TEST_CASE("the TLB withholds the tags that the fast path must not have", "[paging]") {
  BareCore b;
  b.c.s.cr3 = kDirectory;
  b.c.s.cr0 |= cr0::PG;
  map(b, 7, 7);
  const LinearAddr a(kLinear);
  auto entry = [&](bool user) -> TlbEntry& { return b.c.tlb.entry(a, user); };
  REQUIRE(fill_tlb(b.c, a, Access::Read, true));
  REQUIRE(entry(true).read_tag == kLinear);
  REQUIRE(entry(true).write_tag == TlbEntry::kNone);  // clean: the first store must set D
  REQUIRE(fill_tlb(b.c, a, Access::Write, true));
  REQUIRE(entry(true).write_tag == kLinear);
  REQUIRE(*reinterpret_cast<u8*>(entry(true).host_minus_linear + kLinear) == b.get<u8>(kPage));
  REQUIRE(entry(false).page_tag != kLinear);  // the other privilege has an entry of its own

  flush_tlb(b.c, false);
  REQUIRE(entry(true).page_tag == TlbEntry::kNone);

  SECTION("a device has neither tag, and every access reaches the bus") {
    b.memory.set_kind(MachinePhys(kPage), kPageSize, PageKind::Mmio);
    u16 value = 0;
    REQUIRE(read_linear(b.c, a + 2, value, true));
    REQUIRE(value == 0xA5A5);
    REQUIRE(write_linear<u64>(b.c, a + 8, 0x1122334455667788ull, true));
    REQUIRE(b.bus.log.size() == 3);
    REQUIRE(b.bus.log[1].address == kPage + 8);
    REQUIRE(b.bus.log[2].value == 0x11223344);
    REQUIRE(entry(true).read_tag == TlbEntry::kNone);
    REQUIRE(b.c.counters.mmio_accesses == 3);
  }
  SECTION("ROM reads and swallows stores") {
    b.put<u32>(kPage, 0xCAFEF00D);
    b.memory.set_kind(MachinePhys(kPage), kPageSize, PageKind::Rom);
    u32 value = 0;
    REQUIRE(write_linear<u32>(b.c, a, 1, true));
    REQUIRE(read_linear(b.c, a, value, true));
    REQUIRE(value == 0xCAFEF00D);
    REQUIRE(entry(true).write_tag == TlbEntry::kNone);
  }
  SECTION("alignment checks take user accesses off the fast path") {
    b.c.s.cr0 |= cr0::AM;
    b.c.s.eflags |= eflags::AC;
    u32 value = 0;
    REQUIRE(read_linear(b.c, a + 4, value, true));
    REQUIRE(entry(true).read_tag == TlbEntry::kNone);
    REQUIRE_FALSE(read_linear(b.c, a + 2, value, true));
    REQUIRE(outcome(b.c, false).text == "#AC(0)");
    REQUIRE(read_linear(b.c, a + 2, value, false));
  }
  SECTION("pages above the flat limit are the slow path's") {
    b.put<u32>(kDirectory + 1023 * 4, kTable | 7);
    b.put<u32>(kTable, kPage | 7);
    REQUIRE(fill_tlb(b.c, LinearAddr(0xFFC00000), Access::Write, true));
    REQUIRE(b.c.tlb.entry(LinearAddr(0xFFC00000), true).read_tag == TlbEntry::kNone);
  }
}

TEST_CASE("translations live until they are dropped; global ones survive CR3", "[paging]") {
  BareCore b;
  b.c.s.cr3 = kDirectory;
  b.c.s.cr0 |= cr0::PG;
  b.c.s.cr4 = cr4::PGE;
  map(b, 7, 7 | pte::G);
  const LinearAddr local(kLinear + 0x1000);
  b.put<u32>(kTable + ((kLinear >> 12 & 1023) + 1) * 4, kPage | 7);
  u32 value;
  auto readable = [&](LinearAddr a) { return read_linear(b.c, a, value, false); };
  REQUIRE((readable(LinearAddr(kLinear)) && readable(local)));
  b.put<u32>(kDirectory + (kLinear >> 22) * 4, 0u);
  REQUIRE((readable(LinearAddr(kLinear)) && readable(local)));  // stale, as the architecture has it
  apply_cr3(b.c, kDirectory);
  REQUIRE(readable(LinearAddr(kLinear)));
  REQUIRE_FALSE(readable(local));
  invalidate_translation(b.c, LinearAddr(kLinear));
  REQUIRE_FALSE(readable(LinearAddr(kLinear)));
}

TEST_CASE("INVLPG in a large page drops all of it", "[paging]") {
  BareCore b;
  b.c.s.cr3 = kDirectory;
  b.c.s.cr0 |= cr0::PG;
  b.c.s.cr4 = cr4::PSE;
  const u32 pde = kDirectory + (kLinear >> 22) * 4;
  b.put<u32>(pde, 0x00800000 | 7 | pte::PS);
  u32 value;
  for (u32 page = 0; page < 8; page++)
    REQUIRE(read_linear(b.c, LinearAddr(kLinear + page * kPageSize), value, false));
  b.put<u32>(pde, 0u);
  invalidate_translation(b.c, LinearAddr(kLinear + 5 * kPageSize));
  for (u32 page = 0; page < 8; page++)
    REQUIRE_FALSE(read_linear(b.c, LinearAddr(kLinear + page * kPageSize), value, false));
}

namespace {

constexpr u32 kEptRoot = 0x300000;

/// Identity-maps the first 16 MiB of guest-physical space with 4 KiB pages; returns where the leaf for
/// `guest` lies.
u32 build_ept(BareCore& b, u8 levels, u64 rights = ept::kAll) {
  u32 next = kEptRoot + kPageSize;
  const u32 bytes = ept::entry_bytes(levels);
  auto write = [&](u32 at, u64 entry) {
    levels == 4 ? b.put<u64>(at, entry) : b.put<u32>(at, static_cast<u32>(entry));
  };
  auto read = [&](u32 at) { return levels == 4 ? b.get<u64>(at) : b.get<u32>(at); };
  for (u32 page = 0; page < 16u << 20; page += kPageSize) {
    u32 table = kEptRoot;
    for (u8 level = levels; level > 1; level--) {
      const u32 at = table + ept::index(levels, level, GuestPhys(page)) * bytes;
      if (!read(at)) {
        write(at, ept::table(MachinePhys(next)));
        next += kPageSize;
      }
      table = static_cast<u32>(read(at) & ept::kFrame4);
    }
    write(table + ept::index(levels, 1, GuestPhys(page)) * bytes,
          ept::leaf(levels, MachinePhys(page), rights));
  }
  return next;
}

}  // namespace

TEST_CASE("a two-dimensional walk makes (n+1)(m+1)-1 references", "[paging][ept]") {
  // Bhargava 2008: 2x2 = 8, 2x4 = 14, 3x4 = 19.
  const struct {
    u8 ept_levels;
    bool pae;
    u32 references, nested;
  } rows[] = {{2, false, 8, 6}, {4, false, 14, 12}, {4, true, 19, 16}};
  for (const auto& row : rows) {
    BareCore b;
    build_ept(b, row.ept_levels);
    Vmcs vmcs;
    vmcs.ept_root = MachinePhys(kEptRoot);
    vmcs.ept_levels = row.ept_levels;
    b.c.vmcs = &vmcs;
    b.c.s.cr0 |= cr0::PG;
    if (row.pae) {
      b.c.s.cr4 = cr4::PAE;
      b.c.s.cr3 = 0x102000;
      b.put<u64>(0x102000, 0x103000 | 1);
      b.put<u64>(0x103000 + (kLinear >> 21 & 511) * 8, kTable | 7);
      b.put<u64>(kTable + (kLinear >> 12 & 511) * 8, kPage | 7);
    } else {
      b.c.s.cr3 = kDirectory;
      map(b, 7, 7);
    }
    u32 value;
    REQUIRE(read_linear(b.c, LinearAddr(kLinear), value, false));
    REQUIRE(b.c.counters.walk_references == row.references);
    REQUIRE(b.c.counters.nested_references == row.nested);
    REQUIRE(b.c.counters.tlb_misses == 1);
    b.c.vmcs = nullptr;
  }
}

TEST_CASE("EPT violations carry their qualification", "[paging][ept]") {
  for (u8 levels : {u8{2}, u8{4}}) {
    BareCore b;
    build_ept(b, levels);
    Vmcs vmcs;
    vmcs.ept_root = MachinePhys(kEptRoot);
    vmcs.ept_levels = levels;
    b.c.vmcs = &vmcs;
    b.c.s.cr0 |= cr0::PG;
    b.c.s.cr3 = kDirectory;
    map(b, 7, 7);
    auto set_leaf = [&](u32 guest, u64 entry) {
      const EptWalk w = walk_ept(b.memory, vmcs.ept_root, levels, GuestPhys(guest));
      const u32 at = static_cast<u32>(w.steps[w.count - 1].entry_address);
      levels == 4 ? b.put<u64>(at, entry) : b.put<u32>(at, static_cast<u32>(entry));
      flush_tlb(b.c, false);
    };
    auto violation = [&](Access access) {
      REQUIRE_FALSE(fill_tlb(b.c, LinearAddr(kLinear + 8), access, false));
      REQUIRE(b.c.fault.kind == Fault::Kind::Exit);
      return std::get<exits::EptViolation>(b.c.fault.exit);
    };

    set_leaf(kPage, ept::leaf(levels, MachinePhys(kPage), ept::R));
    exits::EptViolation v = violation(Access::Write);
    REQUIRE(v.guest_phys == GuestPhys(kPage + 8));
    REQUIRE(v.linear == LinearAddr(kLinear + 8));
    REQUIRE((!v.read && v.write && !v.fetch && v.readable && !v.writable && !v.executable && !v.during_walk));
    v = violation(Access::Fetch);
    REQUIRE((v.fetch && !v.executable));
    u32 value;
    REQUIRE(read_linear(b.c, LinearAddr(kLinear + 8), value, false));

    set_leaf(kPage, 0);
    v = violation(Access::Read);
    REQUIRE((v.read && !v.write && !v.readable && !v.writable && !v.executable));
    set_leaf(kPage, ept::leaf(levels, MachinePhys(kPage), ept::kAll));

    set_leaf(kTable, 0);
    v = violation(Access::Write);
    REQUIRE((v.during_walk && v.read && !v.write));
    REQUIRE(v.guest_phys.page() == GuestPhys(kTable));

    // Setting A or D in a write-protected guest table is a write to it.
    set_leaf(kTable, ept::leaf(levels, MachinePhys(kTable), ept::R | ept::X));
    map(b, 7, 7);
    v = violation(Access::Read);
    REQUIRE((v.during_walk && v.write && v.readable && !v.writable));

    set_leaf(kTable, ept::leaf(levels, MachinePhys(kTable), ept::kAll));
    set_leaf(kPage, ept::leaf(levels, MachinePhys(kPage), ept::W));
    REQUIRE_FALSE(fill_tlb(b.c, LinearAddr(kLinear), Access::Read, false));
    REQUIRE(std::get<exits::EptMisconfiguration>(b.c.fault.exit).guest_phys == GuestPhys(kPage));
    b.c.vmcs = nullptr;
  }
}

TEST_CASE("EPT misconfigurations", "[ept]") {
  BareCore b;
  build_ept(b, 4);
  auto leaf_of = [&](u32 guest) {
    const EptWalk w = walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(guest));
    return std::pair(static_cast<u32>(w.steps[3].entry_address), static_cast<u32>(w.steps[2].entry_address));
  };
  const auto [leaf, directory] = leaf_of(kPage);
  const struct {
    u64 entry;
    bool bad;
  } leaves[] = {
      {kPage | 7 | 6 << 3, false}, {kPage | 1 | 0 << 3, false}, {kPage | 2, true},
      {kPage | 6, true},           {kPage | 4, true},           {kPage | 7 | 2 << 3, true},
      {kPage | 7 | 3 << 3, true},  {kPage | 7 | 7 << 3, true},  {(1ull << 36) | kPage | 7 | 6 << 3, true}};
  for (const auto& row : leaves) {
    b.put<u64>(leaf, row.entry);
    CAPTURE(row.entry);
    REQUIRE(walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(kPage)).misconfigured == row.bad);
  }
  b.put<u64>(directory, 0x00800000ull | 7 | 6 << 3 | ept::PS);
  const EptWalk large = walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(kPage + 0x1234));
  REQUIRE(large.page_bytes == 2u << 20);
  REQUIRE(large.physical == MachinePhys(0x00800000 + 0x1234));
  b.put<u64>(directory, 0x00801000ull | 7 | 6 << 3 | ept::PS);
  REQUIRE(walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(kPage)).misconfigured);
  b.put<u64>(directory, 0x00800000ull | 7 | 1 << 3);  // bits 6:3 of an entry that refers to a table
  REQUIRE(walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(kPage)).misconfigured);
  REQUIRE(walk_ept(b.memory, MachinePhys(0x7FFFF000), 4, GuestPhys(kPage))
              .misconfigured);  // a root outside memory
  REQUIRE_FALSE(walk_ept(b.memory, MachinePhys(kEptRoot), 4, GuestPhys(1ull << 60)).mapped);
}

TEST_CASE("A20 off: bit 20 of every physical address is 0, of page tables, data and code", "[paging]") {
  // Below 1 MiB; linear kLinear is mapped to 00300000h by tables at 00100000h and 00101000h.
  BareCore b;
  const auto read = [&](u32 linear) {
    u32 value = 0;
    REQUIRE(read_linear(b.c, LinearAddr(linear), value, false));
    return value;
  };
  b.put<u32>(0x00005000, 0x11111111);
  b.put<u32>(0x00105000, 0x22222222);
  CHECK(read(0x00105000) == 0x22222222);
  b.cpu.set_a20(false);
  CHECK(read(0x00105000) == 0x11111111);
  CHECK(read(0x00005000) == 0x11111111);
  REQUIRE(write_linear(b.c, LinearAddr(0x00105000), u32{0x33333333}, false));
  CHECK(b.get<u32>(0x00005000) == 0x33333333);
  CHECK(b.get<u32>(0x00105000) == 0x22222222);
  MachinePhys code;
  REQUIRE(translate_code(b.c, LinearAddr(0x00105123), code));
  CHECK(code == MachinePhys(0x00005123));
  CHECK(peek_translation(b.c, LinearAddr(0x00305000), false) == MachinePhys(0x00205000));

  // A directory and a table that are meant for 1 MiB and above are looked for below.
  b.put<u32>((kDirectory & 0xFFFFF) + (kLinear >> 22) * 4, kTable | pte::P | pte::W);
  b.put<u32>((kTable & 0xFFFFF) + (kLinear >> 12 & 1023) * 4, 0x00305000 | pte::P | pte::W);
  b.put<u32>(0x00205000, 0x44444444);
  CpuState& s = b.cpu.state();
  s.cr0 |= cr0::PG;
  s.cr3 = kDirectory;
  b.cpu.flush_tlb();
  CHECK(read(kLinear) == 0x44444444);
  CHECK(b.get<u32>((kTable & 0xFFFFF) + (kLinear >> 12 & 1023) * 4) ==
        (0x00305000 | pte::P | pte::W | pte::A));
  b.cpu.set_a20(true);
  b.c.fault = {};
  u32 value;
  CHECK_FALSE(read_linear(b.c, LinearAddr(kLinear), value, false));
}
