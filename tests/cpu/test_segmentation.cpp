// Segment loads and limits: every descriptor type x privilege x presence, with the fault that the manual
// names. Manual: Intel SDM vol. 2 MOV ("Loading segment registers"), vol. 3 ch. 5.
#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("loading a data segment register, exhaustively", "[segmentation]") {
  BareCore b;
  const u16 index = BareCore::kFree;
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (bool present : {true, false})
          for (u32 kind = 0; kind < 32; kind++) {
            const bool s = kind & 16;
            const u32 type = kind & 15;
            const u16 selector = static_cast<u16>(index | rpl);
            b.set_ring(cpl);
            b.set_gdt(index, descriptor(0x12345, 0x777, access_byte(dpl, type, s, present), 4));
            // The manual's sentences. Usable: data of any type, readable code. Privilege: both RPL and CPL at
            // most DPL, except for conforming code. Then presence.
            const bool code = type & 8, readable = s && (!code || (type & 2)),
                       conforming = code && (type & 4);
            const bool privileged = conforming || (rpl <= dpl && cpl <= dpl);
            const std::string expected = !readable || !privileged ? fault("GP", selector)
                                         : !present               ? fault("NP", selector)
                                                                  : "ok";
            CAPTURE(cpl, rpl, dpl, present, s, type);
            const SegmentRegister before = b.c.s.seg[DS];
            REQUIRE(outcome(b.c, load_segment(b.c, DS, selector)).text == expected);
            if (expected == "ok") {
              const SegmentRegister& ds = b.c.s.seg[DS];
              REQUIRE(ds ==
                      SegmentRegister{selector, 0x4000u | access_byte(dpl, type | 1, true), 0x12345, 0x777});
              REQUIRE(b.get<u8>(BareCore::kGdt + index + 5) == access_byte(dpl, type | 1, true));  // accessed
            } else {
              REQUIRE(b.c.s.seg[DS] == before);
            }
          }
}

TEST_CASE("loading SS, exhaustively", "[segmentation]") {
  BareCore b;
  const u16 index = BareCore::kFree;
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (bool present : {true, false})
          for (u32 kind = 0; kind < 32; kind++) {
            const bool s = kind & 16;
            const u32 type = kind & 15;
            const u16 selector = static_cast<u16>(index | rpl);
            b.set_ring(cpl);
            b.set_gdt(index, descriptor(0, 0xFFFFF, access_byte(dpl, type, s, present), 0xC));
            const bool writable_data = s && (type == 2 || type == 3 || type == 6 || type == 7);
            const std::string expected = !writable_data || rpl != cpl || dpl != cpl ? fault("GP", selector)
                                         : !present                                 ? fault("SS", selector)
                                                                                    : "ok";
            CAPTURE(cpl, rpl, dpl, present, s, type);
            REQUIRE(outcome(b.c, load_segment(b.c, SS, selector)).text == expected);
          }
}

TEST_CASE("null selectors and selectors beyond their table", "[segmentation]") {
  BareCore b;
  b.c.s.gdtr.limit = 0x8F;
  b.c.s.ldtr.limit = 0x17;
  b.set_ldt(0x0C, descriptor(0x5000, 0xFF, 0x93, 4));
  b.set_ldt(0x14, descriptor(0x6000, 0xFF, 0x93, 4));
  const struct {
    Seg seg;
    u16 selector;
    const char* expected;
  } rows[] = {
      {DS, 0x0000, "ok"},      {ES, 0x0003, "ok"},        {SS, 0x0000, "#GP(0)"}, {SS, 0x0003, "#GP(0)"},
      {DS, 0x0090, "#GP(90)"}, {DS, 0xFFFB, "#GP(FFF8)"}, {FS, 0x000C, "ok"},     {GS, 0x0014, "ok"},
      {DS, 0x001C, "#GP(1C)"}, {DS, 0x001F, "#GP(1C)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.seg, row.selector);
    REQUIRE(outcome(b.c, load_segment(b.c, row.seg, row.selector)).text == row.expected);
  }
  REQUIRE_FALSE(b.c.s.seg[DS].usable());
  REQUIRE(b.c.s.seg[ES].selector == 3);
  REQUIRE(b.c.s.seg[GS].base == 0x6000);

  b.c.s.ldtr = {0, access_rights::kUnusable, 0, 0};
  REQUIRE(outcome(b.c, load_segment(b.c, FS, 0x0C)).text == "#GP(C)");
}

TEST_CASE("limits, types and wrap of an access through a segment", "[segmentation]") {
  constexpr u32 kUpData = 0x4093, kDownData = 0x4097, kDownData16 = 0x0097, kReadOnly = 0x4091,
                kCode = 0x409B, kExecuteOnly = 0x4099;
  const struct {
    u32 access, limit, offset, bytes;
    Access how;
    bool ok;
  } rows[] = {
      {kUpData, 0xFFF, 0xFFC, 4, Access::Write, true},
      {kUpData, 0xFFF, 0xFFD, 4, Access::Write, false},
      {kUpData, 0xFFF, 0xFFF, 1, Access::Read, true},
      {kUpData, 0xFFF, 0x1000, 1, Access::Read, false},
      {kUpData, 0xFFFFF, 0xFFFFFFFE, 4, Access::Read, false},
      {kUpData, 0xFFFFFFFF, 0xFFFFFFFC, 4, Access::Read, true},
      {kDownData, 0xFFF, 0x1000, 1, Access::Read, true},
      {kDownData, 0xFFF, 0xFFF, 1, Access::Read, false},
      {kDownData, 0xFFF, 0xFFFFFFFC, 4, Access::Write, true},
      {kDownData, 0xFFF, 0xFFFFFFFD, 4, Access::Write, false},
      {kDownData16, 0xFFF, 0xFFFC, 4, Access::Write, true},
      {kDownData16, 0xFFF, 0xFFFD, 4, Access::Write, false},
      {kReadOnly, 0xFFF, 0, 4, Access::Read, true},
      {kReadOnly, 0xFFF, 0, 4, Access::Write, false},
      {kCode, 0xFFF, 0, 4, Access::Read, true},
      {kCode, 0xFFF, 0, 4, Access::Write, false},
      {kExecuteOnly, 0xFFF, 0, 4, Access::Read, false},
      {access_rights::kUnusable, 0, 0, 1, Access::Read, false},
  };
  BareCore b;
  for (const auto& row : rows)
    for (Seg seg : {DS, SS}) {
      CAPTURE(row.access, row.limit, row.offset, row.bytes, seg);
      b.c.s.seg[seg] = {0x10, row.access, 0x30000, row.limit};
      LinearAddr linear;
      const std::string expected = row.ok ? "ok" : seg == SS ? "#SS(0)" : "#GP(0)";
      REQUIRE(outcome(b.c, segment_address(b.c, seg, row.offset, row.bytes, row.how, linear)).text ==
              expected);
      if (row.ok) REQUIRE(linear.value == 0x30000 + row.offset);
      b.c.s.seg[seg] = {};
    }
}

TEST_CASE("LLDT and LTR", "[segmentation]") {
  const struct {
    u32 type;
    bool s, present;
    const char *ldt, *tr;
  } rows[] = {
      {2, false, true, "ok", "#GP(80)"},       {2, false, false, "#NP(80)", "#GP(80)"},
      {1, false, true, "#GP(80)", "ok"},       {9, false, true, "#GP(80)", "ok"},
      {9, false, false, "#GP(80)", "#NP(80)"}, {3, false, true, "#GP(80)", "#GP(80)"},
      {11, false, true, "#GP(80)", "#GP(80)"}, {2, true, true, "#GP(80)", "#GP(80)"},
      {12, false, true, "#GP(80)", "#GP(80)"},
  };
  for (const auto& row : rows)
    for (u32 rpl : {0u, 3u}) {
      BareCore b;
      CAPTURE(row.type, row.s, row.present, rpl);
      b.set_gdt(0x80, descriptor(0x7000, 0x1FF, access_byte(0, row.type, row.s, row.present), 0));
      const u16 selector = static_cast<u16>(0x80 | rpl);
      REQUIRE(outcome(b.c, load_ldtr(b.c, selector, 3)).text == row.ldt);
      b.set_gdt(0x80, descriptor(0x7000, 0x1FF, access_byte(0, row.type, row.s, row.present), 0));
      REQUIRE(outcome(b.c, load_tr(b.c, selector, 3)).text == row.tr);
      if (std::string(row.tr) == "ok") {
        REQUIRE(b.c.s.tr.type() == (row.type | 2));  // busy, in the register and in memory
        REQUIRE(b.get<u8>(BareCore::kGdt + 0x85) == (0x80 | row.type | 2));
      }
    }
  BareCore b;
  REQUIRE(outcome(b.c, load_tr(b.c, 0, 3)).text == "#GP(0)");
  REQUIRE(outcome(b.c, load_tr(b.c, 0x84, 3)).text == "#GP(84)");
  REQUIRE(outcome(b.c, load_ldtr(b.c, 0x84, 3)).text == "#GP(84)");
  REQUIRE(outcome(b.c, load_ldtr(b.c, 3, 3)).text == "ok");
  REQUIRE_FALSE(b.c.s.ldtr.usable());
  b.set_ring(3);
  REQUIRE(outcome(b.c, load_ldtr(b.c, 0, 3)).text == "#GP(0)");
  b.set_v86(3);
  REQUIRE(outcome(b.c, load_ldtr(b.c, 0, 3)).text == "#UD");
  b.c.s.eflags &= ~eflags::VM;
  b.c.s.cr0 &= ~cr0::PE;
  REQUIRE(outcome(b.c, load_tr(b.c, 0x80, 3)).text == "#UD");
}

TEST_CASE("LAR, LSL, VERR and VERW see what they may see", "[segmentation]") {
  BareCore b;
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (u32 kind = 0; kind < 32; kind++) {
          const bool s = kind & 16;
          const u32 type = kind & 15;
          b.set_ring(cpl);
          b.set_gdt(0x80, descriptor(0x1000, 0x12, access_byte(dpl, type, s, false), 0x9));
          const u16 selector = static_cast<u16>(0x80 | rpl);
          const bool conforming = s && (type & 12) == 12;
          const bool visible = conforming || (cpl <= dpl && rpl <= dpl);
          const bool has_rights = s || type == 1 || type == 2 || type == 3 || type == 4 || type == 5 ||
                                  type == 9 || type == 11 || type == 12;
          const bool has_limit = s || type == 1 || type == 2 || type == 3 || type == 9 || type == 11;
          u32 rights = 0, limit = 0;
          bool ok = false;
          CAPTURE(cpl, rpl, dpl, s, type);
          REQUIRE(lar(b.c, selector, rights, ok));
          REQUIRE(ok == (visible && has_rights));
          if (ok) REQUIRE(rights == (u32{access_byte(dpl, type, s, false)} << 8 | 0x00900000u));
          REQUIRE(lsl(b.c, selector, limit, ok));
          REQUIRE(ok == (visible && has_limit));
          if (ok) REQUIRE(limit == 0x12FFF);
          REQUIRE(verify_segment(b.c, selector, false, ok));
          REQUIRE(ok == (visible && s && (!(type & 8) || (type & 2))));
          REQUIRE(verify_segment(b.c, selector, true, ok));
          REQUIRE(ok == (visible && s && !(type & 8) && (type & 2)));
        }
  bool ok = true;
  u32 value;
  b.set_ring(0);
  REQUIRE(lar(b.c, 0, value, ok));
  REQUIRE_FALSE(ok);
  REQUIRE(lsl(b.c, 0xFFF8, value, ok));
  REQUIRE_FALSE(ok);
  b.set_v86(3);
  REQUIRE(outcome(b.c, lar(b.c, 8, value, ok)).text == "#UD");
}

TEST_CASE("real and virtual-8086 mode loads", "[segmentation]") {
  BareCore b;
  b.c.s.cr0 &= ~cr0::PE;
  b.c.s.seg[DS] = {0x10, 0xC093, 0, 0xFFFFFFFF};
  REQUIRE(load_segment(b.c, DS, 0x1234));
  REQUIRE(b.c.s.seg[DS].base == 0x12340);
  REQUIRE(b.c.s.seg[DS].limit == 0xFFFFFFFF);  // "unreal mode"
  b.c.s.cr0 |= cr0::PE;
  b.set_v86(0);
  REQUIRE(load_segment(b.c, DS, 0x4321));
  REQUIRE(b.c.s.seg[DS] == SegmentRegister{0x4321, 0xF3, 0x43210, 0xFFFF});
  REQUIRE(b.c.s.cpl() == 3);
}
