#include "hypervisor/trap/ring_compression.h"
#include "tests/catch.h"

using namespace ringside;

namespace {
constexpr Descriptor descriptor(u32 base, u32 raw_limit, u32 access) {
  return {(raw_limit & 0xFFFF) | base << 16,
          (base & 0xFF000000u) | (base >> 16 & 0xFF) | access | (raw_limit & 0xF0000)};
}
constexpr u32 kPages = 0x800000, kBig = 0x400000;
constexpr u32 kCode0 = 0x9B00, kData0 = 0x9300, kData3 = 0xF300, kDown0 = 0x9700;
}  // namespace

TEST_CASE("segments are cut off below the monitor and lowered to ring 1", "[trap]") {
  struct Row {
    const char* what;
    Descriptor guest;
    bool usable;
    u32 base, limit, dpl;
  };
  const Row rows[] = {
      {"flat code", descriptor(0, 0xFFFFF, kCode0 | kPages | kBig), true, 0, 0xFFBFFFFF, 1},
      {"flat user data", descriptor(0, 0xFFFFF, kData3 | kPages | kBig), true, 0, 0xFFBFFFFF, 3},
      {"small", descriptor(0x1000, 0xFFFF, kData0), true, 0x1000, 0xFFFF, 1},
      {"high half", descriptor(0xC0000000, 0xFFFFF, kData0 | kPages), true, 0xC0000000, 0x3FBFFFFF, 1},
      {"just below the monitor", descriptor(0xFFBFF000, 0xFFFFF, kData0 | kPages), true, 0xFFBFF000, 0xFFF,
       1},
      {"unaligned base", descriptor(0xFFB00800, 0xFFFFF, kData0 | kPages), true, 0xFFB00800, 0xFEFFF, 1},
      {"inside the monitor", descriptor(0xFFD00000, 0xFF, kData0), false, 0, 0, 0},
      {"expand-down over the monitor", descriptor(0, 0x1000, kDown0 | kBig), false, 0, 0, 0},
      {"16-bit expand-down", descriptor(0x10000, 0x1000, kDown0), true, 0x10000, 0x1000, 1},
      {"absent", descriptor(0, 0xFFFFF, 0x1300), false, 0, 0, 0},
      {"not yet accessed", descriptor(0, 0xFFFFF, 0x9200), false, 0, 0, 0},
      {"a TSS", descriptor(0, 0x67, 0x8900), false, 0, 0, 0},
      {"a call gate", descriptor(0, 0, 0x8C00), false, 0, 0, 0},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const auto real = compress(row.guest);
    REQUIRE(real.has_value() == row.usable);
    if (!real) continue;
    CHECK(real->base() == row.base);
    CHECK(real->limit() == row.limit);
    CHECK(real->dpl() == row.dpl);
    CHECK(real->type() == row.guest.type());
    CHECK(real->present());
    // The hidden part of a segment register is compressed by the same rule.
    const SegmentRegister hidden = compress(segment_of(8, row.guest));
    CHECK(hidden.limit == row.limit);
    CHECK(hidden.dpl() == row.dpl);
  }
}

TEST_CASE("no segment that a guest gets reaches the monitor", "[trap]") {
  u32 seed = 1;
  auto next = [&] { return seed = seed * 1664525u + 1013904223u; };
  for (int i = 0; i < 200000; ++i) {
    const Descriptor guest{next() ^ next() >> 16, next() ^ next() >> 16};
    const auto real = compress(guest);
    if (!real) continue;
    const bool code = real->type() & 8, down = !code && real->type() & 4;
    const u64 last = down ? u64{real->base()} + (real->high & kBig ? 0xFFFFFFFFu : 0xFFFFu)
                          : u64{real->base()} + real->limit();
    REQUIRE(last <= kGuestTop);
    REQUIRE(real->dpl() >= 1);
  }
}

TEST_CASE("segments that cannot be cut off become unusable", "[trap]") {
  CHECK_FALSE(compress(segment_of(8, descriptor(0, 0x1000, kDown0 | kBig))).usable());
  CHECK_FALSE(compress(segment_of(8, descriptor(0xFFC00000, 0, kData0))).usable());
  CHECK(compress_selector(0x08, 0) == 0x09);
  CHECK(compress_selector(0x1B, 3) == 0x1B);
}
