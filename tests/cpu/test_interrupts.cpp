// Event delivery and IRET as tables. Manual: Intel SDM vol. 3 ch. 6, 20; vol. 2 (INT n, IRET).
#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u16 kTarget = BareCore::kFree;

Event software(u8 vector) { return {vector, EventType::SoftwareInterrupt, false, 0, 2}; }
Event fault_event(u8 vector, u32 code) { return {vector, EventType::HardwareException, true, code}; }
Event external(u8 vector) { return {vector, EventType::ExternalInterrupt}; }

/// Handlers 10000h + vector in ring 0 for the exceptions that a bad gate raises, so that the outcome shows in
/// EIP.
void install_handlers(BareCore& b) {
  for (u8 v : {vector::TS, vector::NP, vector::SS, vector::GP, vector::PF, vector::DF})
    b.set_idt(v, gate(BareCore::code_selector(0), 0x10000u + v, access_byte(0, 14, false)));
}

/// Where delivery ended: "ok" at the wanted handler, "#GP(x)" with the pushed error code at that of a fault.
std::string arrival(const BareCore& b, bool ok, u32 wanted) {
  if (!ok) return outcome(b.c, false).text;
  if (b.c.s.eip == wanted) return "ok";
  Core& c = const_cast<BareCore&>(b).c;
  c.raise(static_cast<u8>(b.c.s.eip - 0x10000), b.get<u32>(b.c.s.gpr[ESP]));
  return outcome(c, false).text;
}

}  // namespace

TEST_CASE("interrupt gates, exhaustively", "[interrupts]") {
  BareCore b;
  for (u32 kind = 0; kind < 32; kind++)  // type and S of the gate
    for (u32 cpl = 0; cpl < 4; cpl++)
      for (u32 gate_dpl = 0; gate_dpl < 4; gate_dpl++)
        for (u32 code_dpl = 0; code_dpl < 4; code_dpl++)
          for (u32 code_type : {0xBu, 0xFu, 0x3u})
            for (u32 presence = 0; presence < 4; presence++)
              for (bool soft : {true, false}) {
                const bool s = kind & 16, gate_present = presence & 1, code_present = presence & 2;
                const u32 type = kind & 15;
                if (!s && type == 5) continue;  // task gates: test_task_switch.cpp
                install_handlers(b);
                b.set_gdt(kTarget,
                          descriptor(0, 0xFFFFF, access_byte(code_dpl, code_type, true, code_present), 0xC));
                b.set_idt(0x40, gate(kTarget, 0x4321, access_byte(gate_dpl, type, s, gate_present)));
                const bool known = !s && (type == 6 || type == 7 || type == 14 || type == 15);
                const u32 ext = soft ? 0 : 1;
                char expected[16] = "ok";
                auto expect = [&](const char* name, u32 code) {
                  std::snprintf(expected, 16, "#%s(%X)", name, code);
                };
                if (!known || (soft && gate_dpl < cpl))
                  expect("GP", 0x40 * 8 + 2 + ext);
                else if (!gate_present)
                  expect("NP", 0x40 * 8 + 2 + ext);
                else if (code_type == 3 || code_dpl > cpl)
                  expect("GP", kTarget + ext);
                else if (!code_present)
                  expect("NP", kTarget + ext);
                CAPTURE(s, type, cpl, gate_dpl, code_dpl, code_type, gate_present, code_present, soft);
                b.c.s.eflags = eflags::kFixedOne | eflags::IF | eflags::NT | eflags::TF;
                b.c.s.eip = 0x100000;
                b.set_ring(cpl);
                const bool ok = deliver_event(b.c, soft ? software(0x40) : external(0x40), 0);
                REQUIRE(arrival(b, ok, 0x4321) == expected);
                if (expected[0] != 'o') continue;
                const u32 ring = code_type == 0xF ? cpl : code_dpl, size = type & 8 ? 4 : 2;
                const u32 words = ring < cpl ? 5 : 3;
                REQUIRE(b.c.s.cpl() == ring);
                REQUIRE(b.c.s.seg[CS].selector == (kTarget | ring));
                REQUIRE(b.c.s.gpr[ESP] == BareCore::stack_top(ring) - words * size);
                const u32 esp = b.c.s.gpr[ESP];
                const u32 eip = size == 4 ? b.get<u32>(esp) : b.get<u16>(esp);
                REQUIRE(eip == ((0x100000u + (soft ? 2 : 0)) & (size == 4 ? ~0u : 0xFFFF)));
                REQUIRE((b.get<u16>(esp + 2 * size) & (eflags::TF | eflags::NT)) ==
                        (eflags::TF | eflags::NT));
                REQUIRE((b.c.s.eflags & (eflags::TF | eflags::NT)) == 0);
                REQUIRE(bool(b.c.s.eflags & eflags::IF) == bool(type & 1));
              }
}

TEST_CASE("the IDT limit, and faults while delivering", "[interrupts]") {
  BareCore b;
  install_handlers(b);
  b.c.s.idtr.limit = 0x40 * 8 + 6;
  REQUIRE(arrival(b, deliver_event(b.c, software(0x40), 0), 0) == "#GP(202)");
  b.set_ring(0);
  REQUIRE(arrival(b, deliver_event(b.c, external(0x40), 0), 0) == "#GP(203)");
}

TEST_CASE("which second fault makes a double fault", "[interrupts]") {
  // SDM vol. 3 table 6-5: rows first event, columns second. Gates that are absent raise #NP, a bad one #GP.
  struct Row {
    const char* what;
    Event first;
    u8 absent;  ///< vector whose gate is absent, so that its delivery raises #NP
    const char* expected;
  };
  const Row rows[] = {
      {"benign then contributory", external(0x30), 0x30, "#NP(183)"},
      {"software then contributory", software(0x30), 0x30, "#NP(182)"},
      {"#UD then contributory", {vector::UD}, vector::UD, "#NP(33)"},
      {"#DB then contributory", {vector::DB}, vector::DB, "#NP(B)"},
      {"#AC then contributory", fault_event(vector::AC, 0), vector::AC, "#NP(8B)"},
      {"#DE then contributory", {vector::DE}, vector::DE, "#DF(0)"},
      {"#GP then contributory", fault_event(vector::GP, 0), vector::GP, "#DF(0)"},
      {"#TS then contributory", fault_event(vector::TS, 0), vector::TS, "#DF(0)"},
      {"#SS then contributory", fault_event(vector::SS, 0), vector::SS, "#DF(0)"},
      {"#PF then contributory", fault_event(vector::PF, 2), vector::PF, "#DF(0)"},
  };
  for (const Row& row : rows) {
    BareCore b;
    INFO(row.what);
    install_handlers(b);
    b.set_idt(row.absent, gate(BareCore::code_selector(0), 0, access_byte(0, 14, false, false)));
    REQUIRE(arrival(b, deliver_event(b.c, row.first, 0x1234), 0) == row.expected);
  }
  SECTION("a fault that delivers the double fault shuts down") {
    BareCore b;
    REQUIRE_FALSE(deliver_event(b.c, fault_event(vector::GP, 0), 0));
    REQUIRE(std::holds_alternative<exits::TripleFault>(b.c.fault.exit));
  }
  SECTION("a page fault whose own gate lies in an absent page") {
    for (const Event& first : {external(0x30), fault_event(vector::PF, 0)}) {
      BareCore b;
      b.put<u32>(0x100000, 0x101000 | 7);
      for (u32 page = 0; page < 1024; page++) b.put<u32>(0x101000 + page * 4, page << 12 | 7);
      b.c.s.cr3 = 0x100000;
      b.c.s.cr0 |= cr0::PG;
      const u32 absent = 0x6000;  // begins with the gate of vector 14
      b.c.s.idtr = {absent - vector::PF * 8u, 0x7FF};
      for (u8 v : {vector::DF, vector::GP})
        b.put<u64>(b.c.s.idtr.base + v * 8u,
                   gate(BareCore::code_selector(0), 0x10000u + v, access_byte(0, 14, false)));
      b.put<u32>(0x101000 + (absent >> 12) * 4, 0u);
      const bool ok = deliver_event(b.c, first, 0x5555);
      REQUIRE(arrival(b, ok, 0) == "#DF(0)");
      REQUIRE(b.c.s.cr2 == absent);
    }
  }
}

TEST_CASE("a fault that its own delivery brings up for ever is a shutdown", "[interrupts]") {
  BareCore b;
  install_handlers(b);
  b.set_idt(vector::AC, gate(BareCore::code_selector(3), 0x10000, access_byte(3, 14, false)));
  b.set_ring(3);
  b.c.s.cr0 |= cr0::AM;
  b.c.s.eflags |= eflags::AC;
  b.c.s.gpr[ESP] -= 2;
  REQUIRE(arrival(b, deliver_event(b.c, fault_event(vector::AC, 0), 0), 3) == "exit 3");
  REQUIRE(std::holds_alternative<exits::TripleFault>(b.c.fault.exit));
}

TEST_CASE("error codes are pushed, RF marks faults, CR2 is loaded", "[interrupts]") {
  BareCore b;
  install_handlers(b);
  b.set_ring(3);
  REQUIRE(deliver_event(b.c, fault_event(vector::PF, 7), 0xDEADBEEF));
  REQUIRE(b.c.s.cr2 == 0xDEADBEEF);
  const u32 esp = b.c.s.gpr[ESP];
  REQUIRE(esp == BareCore::stack_top(0) - 24);
  REQUIRE(b.get<u32>(esp) == 7);
  REQUIRE(b.get<u32>(esp + 4) == 0x100000);
  REQUIRE(b.get<u32>(esp + 8) == BareCore::code_selector(3));
  REQUIRE(b.get<u32>(esp + 12) == (eflags::kFixedOne | eflags::IF | eflags::RF));
  REQUIRE(b.get<u32>(esp + 16) == BareCore::stack_top(3));
  REQUIRE(b.get<u32>(esp + 20) == BareCore::data_selector(3));
  REQUIRE(b.c.counters.page_faults == 1);
  REQUIRE(b.c.counters.exceptions == 0);
}

TEST_CASE("virtual-8086 mode: in and out", "[interrupts]") {
  BareCore b;
  install_handlers(b);
  b.set_idt(0x40, gate(BareCore::code_selector(0), 0x4321, access_byte(3, 15, false)));
  b.set_v86(3);
  const CpuState before = b.c.s;
  REQUIRE(software_interrupt(b.c, 0x40, EventType::SoftwareInterrupt, 2));
  REQUIRE_FALSE(b.c.s.virtual_8086());
  REQUIRE(b.c.s.cpl() == 0);
  for (Seg seg : {ES, DS, FS, GS}) REQUIRE_FALSE(b.c.s.seg[seg].usable());
  const u32 esp = b.c.s.gpr[ESP];
  REQUIRE(esp == BareCore::stack_top(0) - 36);
  const u32 frame[] = {0x102, 0x2000, before.eflags, 0x8000, 0x3000, 0x2000, 0x2000, 0x2000, 0x2000};
  for (u32 i = 0; i < 9; i++) REQUIRE(b.get<u32>(esp + i * 4) == frame[i]);

  REQUIRE(iret(b.c, true, 0));
  CpuState expected = before;
  expected.eip = 0x102;
  REQUIRE(b.c.s == expected);

  SECTION("INT n needs IOPL 3, INT3 does not") {
    b.c.s.eflags &= ~eflags::IOPL;
    REQUIRE(outcome(b.c, software_interrupt(b.c, 0x40, EventType::SoftwareInterrupt, 2)).text == "#GP(0)");
    b.set_idt(3, gate(BareCore::code_selector(0), 0x4321, access_byte(3, 15, false)));
    REQUIRE(software_interrupt(b.c, 3, EventType::SoftwareException, 1));
    REQUIRE(b.c.s.eip == 0x4321);
  }
  SECTION("the handler must be in ring 0, and not conforming") {
    for (u8 access : {access_byte(1, 0xB), access_byte(0, 0xF)}) {
      b.c.s = expected;
      b.set_gdt(kTarget, descriptor(0, 0xFFFFF, access, 0xC));
      b.set_idt(0x41, gate(kTarget, 0x4321, access_byte(3, 15, false)));
      REQUIRE(arrival(b, deliver_event(b.c, software(0x41), 0), 0x4321) == "#GP(80)");
    }
  }
  SECTION("IRET within virtual-8086 mode") {
    b.c.s = expected;
    b.put<u16>(0x38000, 0x1111);
    b.put<u16>(0x38002, 0x4444);
    b.put<u16>(0x38004, 0x0ED7);  // IOPL 0 asked for
    REQUIRE(iret(b.c, false, 0));
    REQUIRE(b.c.s.seg[CS].base == 0x44440);
    REQUIRE((b.c.s.eflags & 0xFFFF) == 0x3ED7);  // and not given
    b.c.s.eflags &= ~eflags::IOPL;
    REQUIRE(outcome(b.c, iret(b.c, false, 0)).text == "#GP(0)");
  }
}

TEST_CASE("real mode vectors", "[interrupts]") {
  BareCore b;
  b.c.s = CpuState{};
  for (Seg seg : {ES, CS, SS, DS, FS, GS}) b.c.s.seg[seg] = {0x1000, 0x93, 0x10000, 0xFFFF};
  b.c.s.idtr = {0, 0x3FF};
  b.c.s.gpr[ESP] = 0x100;
  b.c.s.eip = 0x50;
  b.c.s.eflags = eflags::kFixedOne | eflags::IF | eflags::TF;
  b.put<u32>(0x21 * 4, 0x70001234);
  REQUIRE(software_interrupt(b.c, 0x21, EventType::SoftwareInterrupt, 2));
  REQUIRE(b.c.s.seg[CS].base == 0x70000);
  REQUIRE(b.c.s.eip == 0x1234);
  REQUIRE(b.c.s.gpr[ESP] == 0xFA);
  REQUIRE(b.get<u16>(0x100FA) == 0x52);
  REQUIRE((b.c.s.eflags & (eflags::IF | eflags::TF)) == 0);
  REQUIRE(iret(b.c, false, 0));
  REQUIRE((b.c.s.eip == 0x52 && b.c.s.seg[CS].base == 0x10000));
  REQUIRE((b.c.s.eflags & (eflags::IF | eflags::TF)) == (eflags::IF | eflags::TF));
  b.c.s.idtr.limit = 0x21 * 4 + 2;
  b.put<u32>(13 * 4, 0x60005678);
  REQUIRE(software_interrupt(b.c, 0x21, EventType::SoftwareInterrupt, 2));
  REQUIRE(b.c.s.eip == 0x5678);
  b.c.s.idtr.limit = 3;
  REQUIRE_FALSE(software_interrupt(b.c, 0x21, EventType::SoftwareInterrupt, 2));
  REQUIRE(std::holds_alternative<exits::TripleFault>(b.c.fault.exit));
}

TEST_CASE("IRET between rings, and what it may change in EFLAGS", "[interrupts]") {
  for (u32 cpl = 0; cpl < 4; cpl++)
    for (u32 rpl = 0; rpl < 4; rpl++)
      for (u32 io = 0; io < 4; io++) {
        BareCore b;
        CAPTURE(cpl, rpl, io);
        b.set_ring(cpl);
        b.c.s.eflags = eflags::kFixedOne | io << 12;
        const u32 wanted = 0x00247FD7 & ~(eflags::NT | eflags::TF);  // all but VM, NT, TF
        b.push(BareCore::data_selector(rpl));
        b.push(0x7000);
        b.push(wanted | (cpl ? eflags::VM : 0));
        b.push(BareCore::code_selector(rpl));
        b.push(0x1234);
        const u32 esp = b.c.s.gpr[ESP];
        const bool ok = iret(b.c, true, 0);
        if (rpl < cpl) {
          char text[16];
          std::snprintf(text, sizeof text, "#GP(%X)", BareCore::code_selector(rpl) & ~3);
          REQUIRE(outcome(b.c, ok).text == text);
          continue;
        }
        REQUIRE(ok);
        REQUIRE(b.c.s.cpl() == rpl);
        REQUIRE(b.c.s.gpr[ESP] == (rpl == cpl ? esp + 12 : 0x7000));
        u32 flags = wanted & ~(eflags::IOPL | eflags::IF);
        flags |= cpl == 0 ? eflags::IOPL : io << 12;
        if (cpl <= io) flags |= eflags::IF;
        REQUIRE(b.c.s.eflags == flags);
      }
}

TEST_CASE("a de-privileged guest: what leads to ring 0 enters the monitor", "[interrupts][deprivileged]") {
  BareCore b;
  b.c.deprivileged = true;
  install_handlers(b);
  b.set_idt(0x80, gate(BareCore::code_selector(1), 0x4321, access_byte(3, 15, false)));
  b.set_idt(0x82, gate(BareCore::code_selector(0), 0x9999, access_byte(1, 14, false)));
  auto monitor_entry = [&](bool ok) {
    REQUIRE_FALSE(ok);
    REQUIRE(b.c.fault.kind == Fault::Kind::Exit);
    return std::get<exits::MonitorEntry>(b.c.fault.exit);
  };
  b.set_ring(3);
  b.c.s.cr2 = 0x77;
  const CpuState before = b.c.s;

  auto entry = monitor_entry(deliver_event(b.c, fault_event(vector::PF, 6), 0xBAD));
  REQUIRE(entry.event == fault_event(vector::PF, 6));
  REQUIRE(entry.cr2 == 0xBAD);
  REQUIRE(b.c.s == before);  // CR2 too

  // A gate that ring 3 may not use: the #GP goes through its own gate, and so to the monitor.
  entry = monitor_entry(software_interrupt(b.c, 0x82, EventType::SoftwareInterrupt, 2));
  REQUIRE(entry.event == fault_event(vector::GP, 0x82 * 8 + 2));
  REQUIRE(b.c.s == before);

  // Ring 3 into ring 1 is native: the fast system call of a paravirtual kernel.
  REQUIRE(software_interrupt(b.c, 0x80, EventType::SoftwareInterrupt, 2));
  REQUIRE(b.c.s.cpl() == 1);
  REQUIRE(b.c.s.eip == 0x4321);
  REQUIRE(b.get<u32>(b.c.s.gpr[ESP]) == before.eip + 2);

  // A hypercall from ring 1 through a gate into ring 0.
  entry = monitor_entry(software_interrupt(b.c, 0x82, EventType::SoftwareInterrupt, 2));
  REQUIRE(entry.event == software(0x82));

  // The inner stack is missing while a native gate pushes: the monitor sees #PF, and the INT can start over.
  b.c.s = before;
  b.put<u32>(0x100000, 0x101000 | 7);
  for (u32 page = 0; page < 1024; page++) b.put<u32>(0x101000 + page * 4, page << 12 | 7);
  const u32 stack_page = (BareCore::stack_top(1) - 4) >> 12;
  b.put<u32>(0x101000 + stack_page * 4, 0u);
  b.c.s.cr3 = 0x100000;
  b.c.s.cr0 |= cr0::PG;
  flush_tlb(b.c, false);
  const CpuState paged = b.c.s;
  entry = monitor_entry(software_interrupt(b.c, 0x80, EventType::SoftwareInterrupt, 2));
  REQUIRE(entry.event == fault_event(vector::PF, page_fault::W));
  REQUIRE(entry.cr2 == BareCore::stack_top(1) - 4);
  REQUIRE(b.c.s == paged);
}

TEST_CASE("non-root operation: exception bitmap, #PF filter, vectoring", "[interrupts][vmx]") {
  BareCore b;
  install_handlers(b);
  Vmcs vmcs;
  vmcs.enable_ept = false;
  b.c.vmcs = &vmcs;
  auto exits = [&](const Event& e) {
    const CpuState before = b.c.s;
    vmcs.idt_vectoring.reset();
    const bool exited = !deliver_event(b.c, e, 0x1000);
    b.c.s = before;
    return exited;
  };
  REQUIRE_FALSE(exits(fault_event(vector::GP, 0)));
  vmcs.exception_bitmap = 1u << vector::GP;
  REQUIRE(exits(fault_event(vector::GP, 0)));
  b.set_idt(13, gate(BareCore::code_selector(0), 0x4321, access_byte(3, 14, false)));
  REQUIRE_FALSE(exits({13, EventType::SoftwareInterrupt, false, 0, 2}));  // INT 13 is no exception
  REQUIRE(exits(external(0x30)));
  vmcs.external_interrupt_exiting = false;

  // Bit 14 set and (code & mask) == match: exit; bit clear: exit on mismatch.
  const struct {
    bool bit;
    u32 mask, match, code;
    bool expected;
  } filter[] = {{true, 0, 0, 5, true},  {true, 1, 1, 5, true},   {true, 1, 1, 4, false},
                {true, 0, 1, 5, false}, {false, 0, 0, 5, false}, {false, 1, 1, 4, true},
                {false, 0, 1, 5, true}};
  for (const auto& row : filter) {
    vmcs.exception_bitmap = row.bit ? 1u << vector::PF : 0;
    vmcs.page_fault_error_code_mask = row.mask;
    vmcs.page_fault_error_code_match = row.match;
    REQUIRE(exits(fault_event(vector::PF, row.code)) == row.expected);
  }

  // A fault during delivery that exits leaves the interrupted event behind.
  vmcs = Vmcs{};
  vmcs.enable_ept = false;
  vmcs.exception_bitmap = 1u << vector::NP;
  b.set_idt(0x44, gate(BareCore::code_selector(0), 0, access_byte(3, 14, false, false)));
  REQUIRE_FALSE(deliver_event(b.c, software(0x44), 0));
  REQUIRE(std::get<exits::ExceptionOrNmi>(b.c.fault.exit).event == fault_event(vector::NP, 0x44 * 8 + 2));
  REQUIRE(vmcs.idt_vectoring == software(0x44));
  // A second fault that the monitor asked for is what exits, even if the two make a double fault for the
  // guest.
  b.set_idt(vector::DE, gate(BareCore::code_selector(0), 0, access_byte(3, 14, false, false)));
  REQUIRE_FALSE(deliver_event(b.c, Event{vector::DE}, 0));
  REQUIRE(std::get<exits::ExceptionOrNmi>(b.c.fault.exit).event == fault_event(vector::NP, 3));
  REQUIRE(vmcs.idt_vectoring == Event{vector::DE});
  vmcs.exception_bitmap = 1u << vector::DF;
  REQUIRE_FALSE(deliver_event(b.c, Event{vector::DE}, 0));
  REQUIRE(std::get<exits::ExceptionOrNmi>(b.c.fault.exit).event == fault_event(vector::DF, 0));
  b.put<u32>(0x100000, 0x101000 | 7);  // and a page fault on the way to the handler of a page fault
  for (u32 page = 0; page < 1024; page++) b.put<u32>(0x101000 + page * 4, page << 12 | 7);
  b.put<u32>(0x101000 + (BareCore::kIdt >> 12) * 4, 0u);
  b.c.s.cr3 = 0x100000;
  b.c.s.cr0 |= cr0::PG;
  flush_tlb(b.c, false);
  vmcs.exception_bitmap = 1u << vector::PF;
  vmcs.page_fault_error_code_mask = 2;  // reads exit, the guest's writes are its own
  REQUIRE_FALSE(deliver_event(b.c, fault_event(vector::PF, 2), 0x5555));
  const auto& exit = std::get<exits::ExceptionOrNmi>(b.c.fault.exit);
  REQUIRE(exit.event == fault_event(vector::PF, 0));
  REQUIRE(exit.cr2 == BareCore::kIdt + vector::PF * 8);
  REQUIRE(vmcs.idt_vectoring == fault_event(vector::PF, 2));
  b.c.s.cr0 &= ~cr0::PG;
  flush_tlb(b.c, false);
  // An injected event is not subject to the bitmap.
  vmcs.idt_vectoring.reset();
  vmcs.exception_bitmap = ~0u;
  REQUIRE(deliver_injected(b.c, fault_event(vector::GP, 8)));
  b.c.vmcs = nullptr;
}
