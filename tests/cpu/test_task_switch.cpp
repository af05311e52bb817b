// Task switches as a table. Manual: Intel SDM vol. 3 ch. 7, table 7-1.
#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u16 kNewTss = BareCore::kFree, kTaskGate = BareCore::kFree + 8;

void describe_tss(BareCore& b, u32 type, u32 dpl = 0, bool present = true, u32 limit = 0x67) {
  b.set_gdt(kNewTss, descriptor(BareCore::kTss2, limit, access_byte(dpl, type, false, present), 0));
}

/// A ring-0 task at 5000h with distinct registers.
void fill_tss32(BareCore& b) {
  auto put = [&](u32 at, u32 value) { b.put<u32>(BareCore::kTss2 + at, value); };
  put(0x1C, 0x00123000);
  put(0x20, 0x4444);
  put(0x24, eflags::kFixedOne | eflags::ZF);
  for (u32 i = 0; i < 8; i++) put(0x28 + i * 4, 0x11110000 + i);
  put(0x38, 0x7000);  // ESP
  for (u32 seg = 0; seg < 6; seg++)
    put(0x48 + seg * 4, seg == CS ? BareCore::code_selector(0) : BareCore::data_selector(0));
  put(0x60, BareCore::kLdtSelector);
  put(0x64, 0);
}

}  // namespace

TEST_CASE("a jump and a call to a TSS, there and back", "[task]") {
  for (bool call : {false, true}) {
    BareCore b;
    fill_tss32(b);
    describe_tss(b, 9);
    b.set_gdt(BareCore::kTssSelector, descriptor(BareCore::kTss, 0x67, access_byte(0, 11, false), 0));
    b.c.s.gpr[EBX] = 0xBBBB;
    b.c.s.eflags |= eflags::CF;
    b.c.s.dr[7] = 0x755;
    const CpuState before = b.c.s;
    REQUIRE((call ? far_call(b.c, kNewTss, 0, true, 0x100007) : far_jump(b.c, kNewTss, 0, true, 0x100007)));
    REQUIRE(b.c.s.eip == 0x4444);
    REQUIRE(b.c.s.gpr[ESP] == 0x7000);
    REQUIRE(b.c.s.gpr[EBX] == 0x11110003);
    REQUIRE(b.c.s.eflags == (eflags::kFixedOne | eflags::ZF | (call ? eflags::NT : 0)));
    REQUIRE(b.c.s.tr.selector == kNewTss);
    REQUIRE(b.c.s.tr.type() == 11);
    REQUIRE((b.c.s.cr0 & cr0::TS));
    REQUIRE(b.c.s.cr3 == 0);  // paging is off
    REQUIRE((b.c.s.dr[7] & 0x155) == 0);
    REQUIRE(b.get<u8>(BareCore::kGdt + kNewTss + 5) == 0x8B);
    REQUIRE(b.get<u8>(BareCore::kGdt + BareCore::kTssSelector + 5) == (call ? 0x8B : 0x89));
    REQUIRE(b.get<u32>(BareCore::kTss + 0x20) == 0x100007);
    REQUIRE(b.get<u32>(BareCore::kTss + 0x34) == 0xBBBB);
    REQUIRE(b.get<u32>(BareCore::kTss + 0x24) == before.eflags);
    REQUIRE(b.get<u16>(BareCore::kTss + 0x4C) == BareCore::code_selector(0));
    if (!call) continue;
    REQUIRE(b.get<u16>(BareCore::kTss2) == BareCore::kTssSelector);
    REQUIRE(iret(b.c, true, 0x4448));
    REQUIRE(b.c.s.eip == 0x100007);
    REQUIRE(b.c.s.gpr[EBX] == 0xBBBB);
    REQUIRE(b.c.s.tr.selector == BareCore::kTssSelector);
    REQUIRE(b.get<u8>(BareCore::kGdt + kNewTss + 5) == 0x89);
    REQUIRE(b.get<u32>(BareCore::kTss2 + 0x20) == 0x4448);
    REQUIRE((b.get<u32>(BareCore::kTss2 + 0x24) & eflags::NT) == 0);
  }
}

TEST_CASE("checks in the old task, by way of entering", "[task]") {
  struct Row {
    const char* what;
    u32 type, dpl;
    bool present;
    u32 limit;
    const char *jump, *gate;
  };
  const Row rows[] = {
      {"available 386", 9, 0, true, 0x67, "ok", "ok"},
      {"available 286", 1, 0, true, 0x2B, "ok", "ok"},
      {"busy 386", 11, 0, true, 0x67, "#GP(80)", "#GP(80)"},
      {"busy 286", 3, 0, true, 0x2B, "#GP(80)", "#GP(80)"},
      {"absent", 9, 0, false, 0x67, "#NP(80)", "#NP(80)"},
      {"short 386", 9, 0, true, 0x66, "#TS(80)", "#TS(80)"},
      {"short 286", 1, 0, true, 0x2A, "#TS(80)", "#TS(80)"},
      {"an LDT", 2, 0, true, 0x67, "#GP(80)", "#GP(80)"},
  };
  for (const Row& row : rows)
    for (bool through_gate : {false, true}) {
      BareCore b;
      INFO(row.what << (through_gate ? " through a task gate" : ""));
      fill_tss32(b);
      if (row.type & 8) {
      } else {  // a 286 layout
        for (u32 i = 0; i < 22; i++) b.put<u16>(BareCore::kTss2 + i * 2, 0);
        b.put<u16>(BareCore::kTss2 + 0x0E, 0x4444);
        for (u32 seg = 0; seg < 4; seg++)
          b.put<u16>(BareCore::kTss2 + 0x22 + seg * 2,
                     seg == CS ? BareCore::code_selector(0) : BareCore::data_selector(0));
      }
      describe_tss(b, row.type, row.dpl, row.present, row.limit);
      b.set_gdt(kTaskGate, gate(kNewTss, 0, access_byte(0, 5, false)));
      const CpuState before = b.c.s;
      const bool ok = far_call(b.c, through_gate ? kTaskGate : kNewTss, 0, true, 5);
      REQUIRE(outcome(b.c, ok).text == (through_gate ? row.gate : row.jump));
      if (!ok) REQUIRE(b.c.s == before);
      if (ok) REQUIRE(b.c.s.eip == 0x4444);
    }
}

TEST_CASE("privilege and presence of task gates and TSS descriptors", "[task]") {
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 dpl = 0; dpl < 4; dpl++)
        for (bool through_gate : {false, true})
          for (bool present : {true, false}) {
            BareCore b;
            CAPTURE(cpl, rpl, dpl, through_gate, present);
            fill_tss32(b);
            describe_tss(b, 9, through_gate ? 0 : dpl, through_gate || present);
            b.set_gdt(kTaskGate, gate(static_cast<u16>(kNewTss | 3), 0, access_byte(dpl, 5, false, present)));
            const u16 entry = through_gate ? kTaskGate : kNewTss;
            b.set_ring(cpl);
            char expected[16] = "ok";
            if (dpl < cpl || dpl < rpl)
              std::snprintf(expected, 16, "#GP(%X)", entry);
            else if (!present)
              std::snprintf(expected, 16, "#NP(%X)", entry);
            REQUIRE(outcome(b.c, far_jump(b.c, static_cast<u16>(entry | rpl), 0, true, 5)).text == expected);
          }
}

TEST_CASE("faults of the new task are delivered in the new task", "[task]") {
  struct Row {
    const char* what;
    u32 at;
    u32 value;
    u8 vector;
    u32 code;
  };
  const Row rows[] = {
      {"LDT selector in the LDT", 0x60, 0x0C, vector::TS, 0x0C},
      {"LDT is no LDT", 0x60, 0x08, vector::TS, 0x08},
      {"LDT beyond", 0x60, 0xFFF8, vector::TS, 0xFFF8},
      {"CS null", 0x4C, 0, vector::TS, 0},
      {"CS is data", 0x4C, 0x10, vector::TS, 0x10},
      {"CS DPL != RPL", 0x4C, 0x0B, vector::TS, 0x08},
      {"CS absent", 0x4C, 0x90, vector::NP, 0x90},
      {"SS null", 0x50, 0, vector::TS, 0},
      {"SS RPL", 0x50, 0x13, vector::TS, 0x10},
      {"SS is code", 0x50, 0x08, vector::TS, 0x08},
      {"SS absent", 0x50, 0x98, vector::SS, 0x98},
      {"DS is a TSS", 0x54, 0x48, vector::TS, 0x48},
      {"DS absent", 0x54, 0x98, vector::NP, 0x98},
      {"DS beyond", 0x54, 0xFFF8, vector::TS, 0xFFF8},
  };
  for (const Row& row : rows) {
    BareCore b;
    INFO(row.what);
    fill_tss32(b);
    describe_tss(b, 9);
    b.set_gdt(0x90, descriptor(0, 0xFFFFF, access_byte(0, 0xB, true, false), 0xC));
    b.set_gdt(0x98, descriptor(0, 0xFFFFF, access_byte(0, 3, true, false), 0xC));
    b.put<u32>(BareCore::kTss2 + row.at, row.value);
    for (u8 v : {vector::TS, vector::NP, vector::SS, vector::GP})  // through a task gate: a fresh stack
      b.set_idt(v, gate(0xA0, 0, access_byte(0, 5, false)));
    b.set_gdt(0xA0, descriptor(0x6000, 0x67, access_byte(0, 9, false), 0));
    for (u32 i = 0; i < 0x68; i += 4) b.put<u32>(0x6000 + i, b.get<u32>(BareCore::kTss + i));
    for (u32 seg = 0; seg < 6; seg++)
      b.put<u32>(0x6000 + 0x48 + seg * 4,
                 seg == CS ? BareCore::code_selector(0) : BareCore::data_selector(0));
    b.put<u32>(0x6038, 0x9800);
    b.put<u32>(0x6020, 0x7777);
    REQUIRE(far_jump(b.c, kNewTss, 0, true, 5));
    REQUIRE(b.c.s.eip == 0x7777);
    REQUIRE(b.get<u32>(b.c.s.gpr[ESP]) == row.code);
    REQUIRE(b.get<u32>(BareCore::kTss2 + 0x20) ==
            0x4444);  // the faulting task's EIP was saved by the second switch
    REQUIRE(b.get<u16>(0x6000) == kNewTss);
    REQUIRE(b.c.counters.task_switches == 2);
  }
}

TEST_CASE("a task gate in the IDT gets the error code; the T bit traps", "[task]") {
  BareCore b;
  fill_tss32(b);
  describe_tss(b, 9);
  b.set_idt(vector::GP, gate(kNewTss, 0, access_byte(0, 5, false)));
  b.set_ring(3);
  REQUIRE(deliver_event(b.c, Event{vector::GP, EventType::HardwareException, true, 0x58}, 0));
  REQUIRE(b.c.s.eip == 0x4444);
  REQUIRE(b.c.s.cpl() == 0);
  REQUIRE(b.c.s.gpr[ESP] == 0x7000 - 4);
  REQUIRE(b.get<u32>(0x6FFC) == 0x58);
  REQUIRE((b.c.s.eflags & eflags::NT));

  BareCore t;
  fill_tss32(t);
  describe_tss(t, 9);
  t.put<u32>(BareCore::kTss2 + 0x64, 1);
  t.set_idt(vector::DB, gate(BareCore::code_selector(0), 0x5555, access_byte(0, 14, false)));
  REQUIRE(far_jump(t.c, kNewTss, 0, true, 5));
  REQUIRE(t.c.s.eip == 0x5555);
  REQUIRE((t.c.s.dr[6] & 0x8000));
  REQUIRE(t.get<u32>(t.c.s.gpr[ESP]) == 0x4444);
}

TEST_CASE("IRET with NT set: the back link must name a busy TSS", "[task]") {
  const struct {
    u16 link;
    u32 type;
    bool present;
    const char* expected;
  } rows[] = {{kNewTss, 11, true, "ok"},       {kNewTss, 9, true, "#TS(80)"},
              {kNewTss, 11, false, "#NP(80)"}, {kNewTss | 4, 11, true, "#TS(84)"},
              {0xFFF8, 11, true, "#TS(FFF8)"}, {0, 11, true, "#TS(0)"}};
  for (const auto& row : rows) {
    BareCore b;
    CAPTURE(row.link, row.type, row.present);
    fill_tss32(b);
    describe_tss(b, row.type, 0, row.present);
    b.put<u16>(BareCore::kTss, row.link);
    b.c.s.eflags |= eflags::NT;
    REQUIRE(outcome(b.c, iret(b.c, true, 5)).text == row.expected);
  }
}

TEST_CASE("in non-root operation every task switch exits", "[task][vmx]") {
  BareCore b;
  fill_tss32(b);
  describe_tss(b, 9);
  Vmcs vmcs;
  vmcs.enable_ept = false;
  b.c.vmcs = &vmcs;
  const CpuState before = b.c.s;
  REQUIRE_FALSE(far_call(b.c, kNewTss, 0, true, 5));
  const auto& e = std::get<exits::TaskSwitch>(b.c.fault.exit);
  REQUIRE(e.selector == kNewTss);
  REQUIRE(e.source == exits::TaskSwitch::Source::Call);
  REQUIRE(b.c.s == before);
  b.c.vmcs = nullptr;
}
