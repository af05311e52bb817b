// Far jumps, calls and returns as a table: descriptor type x privilege x presence x limit, with the manual's
// fault. Manual: Intel SDM vol. 2 (JMP, CALL, RET), vol. 3 section 5.8.
#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u16 kTarget = BareCore::kFree, kGate = BareCore::kFree + 8;

/// What a direct jump or call to a descriptor that is no gate and no TSS must do.
std::string expected_direct(u32 cpl, u32 rpl, u32 dpl, bool present, bool s, u32 type, u32 eip, u32 limit) {
  const u16 selector = kTarget;
  if (!s || !(type & 8)) return fault("GP", selector);
  const bool allowed = type & 4 ? dpl <= cpl : dpl == cpl && rpl <= cpl;
  if (!allowed) return fault("GP", selector);
  if (!present) return fault("NP", selector);
  return eip > limit ? "#GP(0)" : "ok";
}

}  // namespace

TEST_CASE("direct far jumps and calls, exhaustively", "[far]") {
  BareCore b;
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (bool present : {true, false})
          for (u32 kind = 0; kind < 32; kind++)
            for (u32 eip : {0x500u, 0x501u}) {
              const bool s = kind & 16;
              const u32 type = kind & 15;
              const bool gate_or_task = !s && (type == 1 || type == 3 || type == 4 || type == 5 ||
                                               type == 9 || type == 11 || type == 12);
              if (gate_or_task) continue;  // below
              b.set_gdt(kTarget, descriptor(0, 0x500, access_byte(dpl, type, s, present), 4));
              const u16 selector = static_cast<u16>(kTarget | rpl);
              const std::string expected = expected_direct(cpl, rpl, dpl, present, s, type, eip, 0x500);
              CAPTURE(cpl, rpl, dpl, present, s, type, eip);
              for (bool call : {false, true}) {
                b.set_ring(cpl);
                const CpuState before = b.c.s;
                const bool ok = call ? far_call(b.c, selector, eip, true, 0xABCD)
                                     : far_jump(b.c, selector, eip, true, 0xABCD);
                REQUIRE(outcome(b.c, ok).text == expected);
                if (!ok) {
                  REQUIRE(b.c.s == before);
                  continue;
                }
                REQUIRE(b.c.s.seg[CS].selector == (kTarget | cpl));  // RPL becomes CPL
                REQUIRE(b.c.s.eip == eip);
                REQUIRE(b.c.s.cpl() == cpl);
                if (call) {
                  REQUIRE(b.c.s.gpr[ESP] == BareCore::stack_top(cpl) - 8);
                  REQUIRE(b.get<u32>(b.c.s.gpr[ESP]) == 0xABCD);
                  REQUIRE(b.get<u16>(b.c.s.gpr[ESP] + 4) == BareCore::code_selector(cpl));
                }
              }
            }
}

TEST_CASE("call gates, exhaustively", "[far]") {
  BareCore b;
  for (u32 gate_type : {4u, 12u})
    for (u32 cpl = 0; cpl < 4; cpl++)
      for (u32 rpl = 0; rpl < 4; rpl++)
        for (u32 gate_dpl = 0; gate_dpl < 4; gate_dpl++)
          for (u32 code_dpl = 0; code_dpl < 4; code_dpl++)
            for (u32 code_type : {0xBu, 0xFu, 0x3u})
              for (u32 presence = 0; presence < 4; presence++) {
                const bool gate_present = presence & 1, code_present = presence & 2;
                b.set_gdt(kTarget,
                          descriptor(0, 0xFFFFF, access_byte(code_dpl, code_type, true, code_present), 0xC));
                b.set_gdt(kGate,
                          gate(kTarget, 0x4321, access_byte(gate_dpl, gate_type, false, gate_present)));
                const bool conforming = code_type == 0xF, code = code_type != 3;
                CAPTURE(gate_type, cpl, rpl, gate_dpl, code_dpl, code_type, gate_present, code_present);
                for (bool call : {false, true}) {
                  std::string expected = "ok";
                  if (gate_dpl < cpl || gate_dpl < rpl)
                    expected = fault("GP", kGate);
                  else if (!gate_present)
                    expected = fault("NP", kGate);
                  else if (!code || code_dpl > cpl || (!call && !conforming && code_dpl != cpl))
                    expected = fault("GP", kTarget);
                  else if (!code_present)
                    expected = fault("NP", kTarget);
                  b.set_ring(cpl);
                  const CpuState before = b.c.s;
                  const u16 selector = static_cast<u16>(kGate | rpl);
                  const bool ok = call ? far_call(b.c, selector, 0, true, 0xABCD)
                                       : far_jump(b.c, selector, 0, true, 0xABCD);
                  REQUIRE(outcome(b.c, ok).text == expected);
                  if (!ok) {
                    REQUIRE(b.c.s == before);
                    continue;
                  }
                  const u32 ring = conforming ? cpl : code_dpl, size = gate_type == 12 ? 4 : 2;
                  REQUIRE(b.c.s.eip == 0x4321);
                  REQUIRE(b.c.s.cpl() == ring);
                  REQUIRE(b.c.s.seg[CS].selector == (kTarget | ring));
                  if (call) {
                    const u32 words = ring < cpl ? 4 : 2;
                    REQUIRE(b.c.s.gpr[ESP] == BareCore::stack_top(ring) - words * size);
                  }
                }
              }
}

TEST_CASE("a call gate copies parameters between stacks", "[far]") {
  for (u32 gate_type : {4u, 12u}) {
    BareCore b;
    const u32 size = gate_type == 12 ? 4 : 2;
    b.set_gdt(kGate, gate(BareCore::code_selector(0), 0x4321, access_byte(3, gate_type, false), 3));
    b.set_ring(3);
    for (u32 i = 0; i < 3; i++)
      size == 4 ? b.put<u32>(b.c.s.gpr[ESP] + i * 4, 0x1000 + i)
                : b.put<u16>(b.c.s.gpr[ESP] + i * 2, 0x1000 + i);
    const u32 old_esp = b.c.s.gpr[ESP];
    REQUIRE(far_call(b.c, kGate, 0, true, 0xABCD));
    REQUIRE(b.c.s.gpr[ESP] == BareCore::stack_top(0) - 7 * size);
    auto word = [&](u32 i) {
      const u32 at = b.c.s.gpr[ESP] + i * size;
      return size == 4 ? b.get<u32>(at) : b.get<u16>(at);
    };
    REQUIRE(word(0) == 0xABCD);
    REQUIRE(word(1) == BareCore::code_selector(3));
    for (u32 i = 0; i < 3; i++) REQUIRE(word(2 + i) == 0x1000 + i);
    REQUIRE(word(5) == old_esp);
    REQUIRE(word(6) == BareCore::data_selector(3));

    // And back: RET n releases the parameters on both stacks, and drops segments of the inner ring.
    b.c.s.seg[DS] = {BareCore::data_selector(0), 0xC093, 0, 0xFFFFFFFF};
    b.c.s.seg[FS] = {kTarget, 0xC09F, 0, 0xFFFFFFFF};  // conforming code of ring 0 stays
    b.c.s.seg[GS] = {BareCore::data_selector(3), 0xC0F3, 0, 0xFFFFFFFF};
    REQUIRE(far_return(b.c, size == 4, static_cast<u16>(3 * size)));
    REQUIRE(b.c.s.cpl() == 3);
    REQUIRE(b.c.s.gpr[ESP] == old_esp + 3 * size);
    REQUIRE(b.c.s.eip == 0xABCD);
    REQUIRE_FALSE(b.c.s.seg[DS].usable());
    REQUIRE(b.c.s.seg[FS].usable());
    REQUIRE(b.c.s.seg[GS].usable());
  }
}

TEST_CASE("the inner stack that a call gate finds in the TSS", "[far]") {
  struct Row {
    const char* what;
    u16 ss;
    u64 stack;
    u32 tr_limit;
    const char* expected;
  };
  const u64 good = descriptor(0, 0xFFFFF, access_byte(0, 3), 0xC);
  const Row rows[] = {
      {"good", 0x90, good, 0xFFF, "ok"},
      {"TSS too short", 0x90, good, 8, "#TS(48)"},
      {"TSS just long enough", 0x90, good, 9, "ok"},
      {"null", 0, good, 0xFFF, "#TS(0)"},
      {"beyond the table", 0xFFF8, good, 0xFFF, "#TS(FFF8)"},
      {"RPL", 0x91, good, 0xFFF, "#TS(90)"},
      {"DPL", 0x90, descriptor(0, 0xFFFFF, access_byte(1, 3), 0xC), 0xFFF, "#TS(90)"},
      {"read-only", 0x90, descriptor(0, 0xFFFFF, access_byte(0, 1), 0xC), 0xFFF, "#TS(90)"},
      {"code", 0x90, descriptor(0, 0xFFFFF, access_byte(0, 0xB), 0xC), 0xFFF, "#TS(90)"},
      {"system", 0x90, descriptor(0, 0xFFFFF, access_byte(0, 2, false), 0xC), 0xFFF, "#TS(90)"},
      {"absent", 0x90, descriptor(0, 0xFFFFF, access_byte(0, 3, true, false), 0xC), 0xFFF, "#SS(90)"},
      {"no room", 0x90, descriptor(0, 0x7FEE, access_byte(0, 3), 4), 0xFFF, "#SS(90)"},
      {"room", 0x90, descriptor(0, 0x7FFF, access_byte(0, 3), 4), 0xFFF, "ok"},
  };
  for (const Row& row : rows) {
    BareCore b;
    INFO(row.what);
    b.set_gdt(0x90, row.stack);
    b.set_gdt(kGate, gate(BareCore::code_selector(0), 0x4321, access_byte(3, 12, false)));
    b.put<u16>(BareCore::kTss + 8, row.ss);
    b.c.s.tr.limit = row.tr_limit;
    b.set_ring(3);
    const CpuState before = b.c.s;
    const bool ok = far_call(b.c, kGate, 0, true, 0xABCD);
    REQUIRE(outcome(b.c, ok).text == row.expected);
    if (!ok) REQUIRE(b.c.s == before);
  }
}

TEST_CASE("far returns, exhaustively", "[far]") {
  BareCore b;
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (bool present : {true, false})
          for (u32 kind = 0; kind < 32; kind++)
            for (u32 eip : {0x500u, 0x501u}) {
              const bool s = kind & 16;
              const u32 type = kind & 15;
              b.set_ring(cpl);
              b.set_gdt(kTarget, descriptor(0, 0x500, access_byte(dpl, type, s, present), 4));
              b.c.s.gpr[ESP] -= 16;
              const u32 esp = b.c.s.gpr[ESP];
              const u32 frame[] = {eip, kTarget | rpl, 0x7000, BareCore::data_selector(rpl)};
              for (u32 i = 0; i < 4; i++) b.put<u32>(esp + i * 4, frame[i]);
              std::string expected = "ok";
              const bool code = s && (type & 8), conforming = code && (type & 4);
              if (!code || rpl < cpl || (conforming ? dpl > rpl : dpl != rpl))
                expected = fault("GP", kTarget);
              else if (!present)
                expected = fault("NP", kTarget);
              else if (eip > 0x500)
                expected = "#GP(0)";
              CAPTURE(cpl, rpl, dpl, present, s, type, eip);
              const CpuState before = b.c.s;
              const bool ok = far_return(b.c, true, 0);
              REQUIRE(outcome(b.c, ok).text == expected);
              if (!ok) {
                REQUIRE(b.c.s == before);
                continue;
              }
              REQUIRE(b.c.s.cpl() == rpl);
              REQUIRE(b.c.s.gpr[ESP] == (rpl == cpl ? esp + 8 : 0x7000));
            }
}

TEST_CASE("the outer stack that a far return pops", "[far]") {
  struct Row {
    const char* what;
    u16 ss;
    u64 stack;
    const char* expected;
  };
  const u64 good = descriptor(0, 0xFFFFF, access_byte(3, 3), 0xC);
  const Row rows[] = {
      {"good", 0x93, good, "ok"},
      {"null", 0x03, good, "#GP(0)"},
      {"beyond", 0xFFFB, good, "#GP(FFF8)"},
      {"RPL", 0x92, good, "#GP(90)"},
      {"DPL", 0x93, descriptor(0, 0xFFFFF, access_byte(2, 3), 0xC), "#GP(90)"},
      {"read-only", 0x93, descriptor(0, 0xFFFFF, access_byte(3, 1), 0xC), "#GP(90)"},
      {"absent", 0x93, descriptor(0, 0xFFFFF, access_byte(3, 3, true, false), 0xC), "#SS(90)"},
  };
  for (const Row& row : rows) {
    BareCore b;
    INFO(row.what);
    b.set_gdt(0x90, row.stack);
    b.push(row.ss);
    b.push(0x7000);
    b.push(BareCore::code_selector(3));
    b.push(0x1234);
    REQUIRE(outcome(b.c, far_return(b.c, true, 0)).text == row.expected);
  }
}

TEST_CASE("stack limits of far calls and returns", "[far]") {
  BareCore b;
  b.c.s.seg[SS].limit = 0x7FFF;
  b.c.s.seg[SS].access = 0x4093;
  b.c.s.gpr[ESP] = 7;
  REQUIRE(outcome(b.c, far_call(b.c, BareCore::code_selector(0), 0x1234, true, 1)).text == "#SS(0)");
  b.c.s.gpr[ESP] = 8;
  REQUIRE(outcome(b.c, far_call(b.c, BareCore::code_selector(0), 0x1234, true, 1)).text == "ok");
  b.c.s.gpr[ESP] = 0x7FFC;
  REQUIRE(outcome(b.c, far_return(b.c, true, 0)).text == "#SS(0)");
  REQUIRE(b.c.s.gpr[ESP] == 0x7FFC);

  // A 16-bit stack wraps within its 64 KiB and leaves the upper half of ESP alone.
  b.set_ring(0);
  b.c.s.seg[SS] = {0x10, 0x0093, 0x30000, 0xFFFF};
  b.c.s.gpr[ESP] = 0xABCD0004;
  REQUIRE(far_call(b.c, BareCore::code_selector(0), 0x1234, true, 0x9999));
  REQUIRE(b.c.s.gpr[ESP] == 0xABCDFFFC);
  REQUIRE(b.get<u32>(0x3FFFC) == 0x9999);
}

TEST_CASE("16-bit operands cut the offset", "[far]") {
  BareCore b;
  REQUIRE(far_jump(b.c, BareCore::code_selector(0), 0x12345678, false, 0));
  REQUIRE(b.c.s.eip == 0x5678);
}

TEST_CASE("real and virtual-8086 far transfers", "[far]") {
  BareCore b;
  b.set_v86(0);
  REQUIRE(far_call(b.c, 0x4000, 0x1111, false, 0x105));
  REQUIRE(b.c.s.seg[CS].base == 0x40000);
  REQUIRE(b.c.s.gpr[ESP] == 0x7FFC);
  REQUIRE(b.get<u16>(0x37FFE) == 0x2000);
  REQUIRE(far_return(b.c, false, 0));
  REQUIRE((b.c.s.seg[CS].base == 0x20000 && b.c.s.eip == 0x105));
  REQUIRE(outcome(b.c, far_jump(b.c, 0x4000, 0x10000, true, 0)).text == "#GP(0)");
}

TEST_CASE("a de-privileged guest cannot pass a call gate into ring 0", "[far][deprivileged]") {
  BareCore b;
  b.c.deprivileged = true;
  b.set_gdt(kGate, gate(BareCore::code_selector(0), 0x4321, access_byte(3, 12, false)));
  for (u32 ring : {1u, 3u}) {
    b.set_ring(ring);
    const CpuState before = b.c.s;
    REQUIRE_FALSE(far_call(b.c, kGate, 0, true, 0xABCD));
    REQUIRE(b.c.fault.kind == Fault::Kind::Exit);
    const auto& entry = std::get<exits::MonitorEntry>(b.c.fault.exit);
    REQUIRE(entry.event == Event{vector::GP, EventType::HardwareException, true, BareCore::code_selector(0)});
    REQUIRE(b.c.s == before);
  }
  // From ring 3 into ring 1 it works natively.
  b.set_gdt(kGate, gate(BareCore::code_selector(1), 0x4321, access_byte(3, 12, false)));
  REQUIRE(far_call(b.c, kGate, 0, true, 0xABCD));
  REQUIRE(b.c.s.cpl() == 1);
}
