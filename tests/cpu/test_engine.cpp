// The engine's promises: exact budgets, restartable faults, self-modifying code, interrupt shadows, single
// step.
#include <algorithm>

#include "tests/catch.h"
#include "tests/cpu/small_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// inc eax; dec ecx; jnz back; add ebx, eax; adc edx, 0; jmp start
const std::vector<u8> kLoop = {0xB9, 5,    0,    0,    0,    0x40, 0x49, 0x75,
                               0xFC, 0x01, 0xC3, 0x83, 0xD2, 0x00, 0xEB, 0xF0};

constexpr u32 kIdt = 0x4000, kGdt = 0x5000, kHandler = 0x6000;

/// A GDT with the flat segments, and one 32-bit interrupt gate for `vector`.
void add_gate(SmallMachine& m, u8 vector, u32 handler) {
  m.poke32(kGdt + 8, 0x0000FFFF);
  m.poke32(kGdt + 12, 0x00CF9B00);
  m.poke32(kGdt + 16, 0x0000FFFF);
  m.poke32(kGdt + 20, 0x00CF9300);
  m.cpu.state().gdtr = {kGdt, 23};
  m.cpu.state().idtr = {kIdt, 0x7FF};
  m.poke32(kIdt + vector * 8u, 0x00080000u | (handler & 0xFFFF));
  m.poke32(kIdt + vector * 8u + 4, (handler & 0xFFFF0000u) | 0x8E00);
}

}  // namespace

TEST_CASE("run() retires exactly its budget, however it is sliced") {
  SmallMachine whole;
  whole.code(kLoop);
  REQUIRE(whole.runs_to<exits::BudgetSpent>(10007));
  CHECK(whole.cpu.counters().instructions == 10007);
  for (const u64 slice : {1, 2, 3, 7, 31, 32, 33, 100, 1000}) {
    SmallMachine sliced;
    sliced.code(kLoop);
    for (u64 left = 10007; left > 0;) {
      const u64 now = std::min<u64>(slice, left);
      REQUIRE(sliced.runs_to<exits::BudgetSpent>(now));
      left -= now;
      CHECK(sliced.cpu.counters().instructions == 10007 - left);
    }
    CHECK(sliced.cpu.state() == whole.cpu.state());
    CHECK(sliced.cpu.counters().tlb_misses == whole.cpu.counters().tlb_misses);
  }
}

TEST_CASE("retired() is exact inside a bus callback") {
  SmallMachine m;
  m.code({0x40, 0x40, 0xE6, 0x80, 0x40, 0xE6, 0x80, 0xEB, 0xF7});  // inc inc out inc out jmp
  std::vector<u64> seen;
  m.bus.on_out = [&](u16, u32, unsigned) { seen.push_back(m.cpu.retired()); };
  m.cpu.run(12);
  CHECK(seen == std::vector<u64>{2, 4, 8, 10});
}

TEST_CASE("a device's request to stop takes effect at the next instruction") {
  SmallMachine m;
  m.code({0x40, 0xE6, 0x80, 0x40, 0x40, 0xEB, 0xF9});
  m.bus.on_out = [&](u16, u32, unsigned) { m.cpu.request_stop(); };
  CHECK(m.runs_to<exits::Stopped>(1000));
  CHECK(m.cpu.counters().instructions == 2);
  CHECK(m.cpu.state().eip == SmallMachine::kCode + 3);
}

TEST_CASE("a faulting instruction shows the flags and registers of the one before it") {
  SmallMachine m;
  add_gate(m, vector::GP, kHandler);
  m.poke(kHandler, {0xF4});
  // xor eax,eax; sub eax,1; mov ecx,[cs-limit violation through a small DS]
  m.code({0x31, 0xC0, 0x83, 0xE8, 0x01, 0x8B, 0x0D, 0x00, 0x00, 0x10, 0x00, 0x90});
  m.cpu.state().seg[DS].limit = 0xFFFF;
  m.reg(ECX) = 0x1234;
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.reg(ECX) == 0x1234);
  const u32 esp = m.reg(ESP);
  CHECK(m.peek32(esp) == 0);                            // error code
  CHECK(m.peek32(esp + 4) == SmallMachine::kCode + 5);  // the faulting instruction
  const u32 flags = m.peek32(esp + 12);
  CHECK((flags & eflags::kArithmetic) == (eflags::CF | eflags::SF | eflags::AF | eflags::PF));
  CHECK(m.cpu.counters().instructions == 3);  // xor, sub, hlt
}

TEST_CASE("a store into the running block changes the very next instruction") {
  SmallMachine m;
  // mov byte [next], 0x48 (dec eax); next: inc eax; hlt
  m.code({0xC6, 0x05, 0x07, 0x10, 0x00, 0x00, 0x48, 0x40, 0xF4});
  m.reg(EAX) = 10;
  CHECK(m.runs_to<exits::Halted>(10));
  CHECK(m.reg(EAX) == 9);
}

TEST_CASE("code that is rewritten again and again always runs as written") {
  SmallMachine m;
  // mov [imm+1], cl ; mov al, imm ; add ebx, eax ; dec ecx ; jnz
  m.code({0x88, 0x0D, 0x07, 0x10, 0x00, 0x00, 0xB0, 0x00, 0x01, 0xC3, 0x49, 0x75, 0xF3, 0xF4});
  m.reg(EAX) = m.reg(EBX) = 0;
  m.reg(ECX) = 200;
  CHECK(m.runs_to<exits::Halted>(10000));
  CHECK(m.reg(EBX) == 200 * 201 / 2);
}

TEST_CASE("an instruction across two pages is fetched anew when either page changes") {
  SmallMachine m;
  const u32 at = 0x2FFE;  // mov eax, imm32 with three bytes in the next page
  m.poke(at, {0xB8, 1, 0, 0, 0, 0xF4});
  m.cpu.state().eip = at;
  CHECK(m.runs_to<exits::Halted>(10));
  CHECK(m.reg(EAX) == 1);
  m.poke(at + 3, {7});
  m.cpu.state().eip = at;
  m.cpu.state().halted = false;
  CHECK(m.runs_to<exits::Halted>(10));
  CHECK(m.reg(EAX) == 0x70001);
}

TEST_CASE("REP can be interrupted between elements and resumes") {
  SmallMachine m;
  m.code({0xF3, 0x6C, 0xF4});  // rep insb; hlt
  m.reg(ECX) = 10;
  m.reg(EDI) = 0x9000;
  m.reg(EDX) = 0x60;
  int reads = 0;
  m.bus.on_in = [&](u16, unsigned) {
    if (++reads == 4) m.cpu.request_stop();
    return static_cast<u32>(reads);
  };
  CHECK(m.runs_to<exits::Stopped>(100));
  CHECK(m.reg(ECX) == 6);
  CHECK(m.cpu.state().eip == SmallMachine::kCode);
  CHECK(m.cpu.counters().instructions == 0);
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(reads == 10);
  CHECK(m.cpu.counters().instructions == 2);
  CHECK(m.cpu.counters().rep_iterations == 9);  // and the instruction
}

TEST_CASE("the budget pays for each element of REP") {
  // STOS and MOVS go by whole pages, LODS one by one.
  for (const u8 opcode : {0xAA, 0xA4, 0xAC}) {
    const auto start = [&](SmallMachine& m) {
      m.code({0x40, 0xF3, opcode, 0x40, 0x40, 0xEB, 0xF9});  // inc; rep ...; inc; inc; jmp to the first
      m.reg(ESI) = 0x9FFB;
      m.reg(EDI) = 0x2FFFB;
      m.reg(ECX) = 20000;
    };
    SmallMachine whole;
    start(whole);
    CAPTURE(opcode);
    REQUIRE(whole.runs_to<exits::BudgetSpent>(20100));
    CHECK(whole.cpu.counters().rep_iterations == 19999);
    CHECK(whole.cpu.counters().instructions == 101);
    for (const u64 slice : {1, 3, 33, 1000, 19000}) {
      SmallMachine sliced;
      start(sliced);
      for (u64 left = 20100; left > 0;) {
        const u64 now = std::min<u64>(slice, left);
        REQUIRE(sliced.runs_to<exits::BudgetSpent>(now));
        left -= now;
        const CpuCounters& n = sliced.cpu.counters();
        REQUIRE(n.instructions + n.rep_iterations == 20100 - left);
      }
      CHECK(sliced.cpu.state() == whole.cpu.state());
      CHECK(sliced.cpu.counters().instructions == 101);
    }
  }
  SmallMachine endless;
  endless.code({0xF3, 0xAC});  // 4 Gi elements
  endless.reg(ECX) = 0xFFFFFFFF;
  CHECK(endless.runs_to<exits::BudgetSpent>(50));
  CHECK(endless.reg(ECX) == 0xFFFFFFFF - 50);
  CHECK(endless.cpu.state().eip == SmallMachine::kCode);
}

TEST_CASE("MOVS feeds on its own output when source and destination overlap") {
  SmallMachine m;
  m.code({0xF3, 0xA4, 0xF4});
  m.poke(0x9000, {0xAB});
  m.reg(ESI) = 0x9000;
  m.reg(EDI) = 0x9001;
  m.reg(ECX) = 5000;
  CHECK(m.runs_to<exits::Halted>(10000));
  CHECK(std::count(m.memory.data() + 0x9000, m.memory.data() + 0x9000 + 5001, 0xAB) == 5001);
}

TEST_CASE("STI holds interrupts off for one instruction") {
  SmallMachine m;
  add_gate(m, 0x20, kHandler);
  m.poke(kHandler, {0xF4});
  m.code({0xFB, 0x40, 0x40, 0x40});
  m.bus.on_acknowledge = [&] { m.cpu.set_interrupt_line(false); };
  m.cpu.set_interrupt_line(true);
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.reg(EAX) == 1);
  CHECK(m.cpu.counters().external_interrupts == 1);
}

TEST_CASE("TF traps after each instruction, with DR6.BS") {
  SmallMachine m;
  add_gate(m, vector::DB, kHandler);
  m.poke(kHandler, {0xF4});
  m.code({0x40, 0x40});
  m.cpu.state().eflags |= eflags::TF;
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.reg(EAX) == 1);
  CHECK((m.cpu.state().dr[6] & 0x4000) != 0);
  CHECK(m.peek32(m.reg(ESP)) == SmallMachine::kCode + 1);
}

TEST_CASE("DR7 breakpoints fire before an instruction and after a store") {
  SmallMachine m;
  add_gate(m, vector::DB, kHandler);
  m.poke(kHandler, {0xF4});
  SECTION("execute") {
    m.code({0x40, 0x40, 0x40, 0xF4});
    m.cpu.state().dr[0] = SmallMachine::kCode + 2;
    m.cpu.state().dr[7] = 0x401;
    CHECK(m.runs_to<exits::Halted>(100));
    CHECK(m.reg(EAX) == 2);
    CHECK((m.cpu.state().dr[6] & 15) == 1);
  }
  SECTION("write") {
    m.code({0xA3, 0x00, 0x90, 0x00, 0x00, 0x40, 0xF4});  // mov [0x9000], eax; inc eax
    m.cpu.state().dr[1] = 0x9000;
    m.cpu.state().dr[7] = 0x400 | 4 | 1u << 20 | 3u << 22;
    CHECK(m.runs_to<exits::Halted>(100));
    CHECK(m.reg(EAX) == 0);
    CHECK((m.cpu.state().dr[6] & 15) == 2);
  }
  SECTION("port, with CR4.DE only") {
    const bool extensions = GENERATE(true, false);
    m.code({0xE6, 0x82, 0xE6, 0x81, 0x40, 0xF4});  // out 82h; out 81h; inc eax
    m.cpu.state().dr[2] = 0x80;
    m.cpu.state().dr[7] = 0x400 | 16 | 2u << 24 | 1u << 26;  // two ports
    m.cpu.state().cr4 = extensions ? cr4::DE : 0;
    CHECK(m.runs_to<exits::Halted>(100));
    CHECK(m.bus.writes.size() == 2);
    CHECK(m.reg(EAX) == (extensions ? 0 : 1));
    CHECK((m.cpu.state().dr[6] & 15) == (extensions ? 4 : 0));
  }
}

TEST_CASE(
    "alignment is checked from the POPF that sets AC to the one that clears it, whatever the TLB holds") {
  SmallMachine m;
  Vmcs vmcs;
  vmcs.enable_ept = false;
  vmcs.exception_bitmap = ~0u;
  m.cpu.set_vmcs(&vmcs);
  CpuState& s = m.cpu.state();
  s.cr0 |= cr0::AM;
  for (SegmentRegister& r : s.seg) {
    r.selector |= 3;
    r.access |= 3 << 5;
  }
  m.code({0xA1, 0x02, 0x20, 0, 0,                             // mov eax, [0x2002]
          0x68, 0x02, 0,    4, 0, 0x9D,                       // push 0x40002; popf
          0xA1, 0x04, 0x20, 0, 0, 0x66, 0xA1, 2, 0x20, 0, 0,  // mov eax, [0x2004]; mov ax, [0x2002]
          0xA1, 0x02, 0x20, 0, 0, 0xF4});                     // mov eax, [0x2002]; hlt
  const CpuExit first = m.cpu.run(100);
  REQUIRE(std::holds_alternative<exits::ExceptionOrNmi>(first));
  CHECK(std::get<exits::ExceptionOrNmi>(first).event.vector == vector::AC);
  CHECK(s.eip == SmallMachine::kCode + 22);
  s.eflags &= ~eflags::AC;
  const CpuExit second = m.cpu.run(100);
  REQUIRE(std::holds_alternative<exits::ExceptionOrNmi>(second));
  CHECK(std::get<exits::ExceptionOrNmi>(second).event.vector == vector::GP);  // HLT in ring 3
  m.cpu.set_vmcs(nullptr);
}

TEST_CASE("a remembered gate is forgotten as soon as any word of it changes") {
  struct Change {
    const char* what;
    u32 at, value;
    u32 expected_eip;  ///< where INT 40h then leads; 0: #GP
  };
  const Change changes[] = {
      {"nothing", 0x3000, 0, 0x7000},
      {"the gate's offset", kIdt + 0x40 * 8, 0x00087100, 0x7100},
      {"the gate's presence", kIdt + 0x40 * 8 + 4, 0x0000EE00 & ~0x8000u, 0},
      {"the gate's privilege", kIdt + 0x40 * 8 + 4, 0x00008E00, 0},
      {"the code segment's type", kGdt + 12, 0x00CF9300, 0},
      {"the stack's selector", 0x9008, 0x08, 0},
      {"the stack's type", kGdt + 20, 0x00CF9900, 0},
  };
  for (const Change& change : changes) {
    INFO(change.what);
    SmallMachine m;
    add_gate(m, 0x40, 0x7000);
    m.poke32(kIdt + 0x40 * 8 + 4, 0x0000EE00);
    m.poke32(kGdt + 24, 0x0000FFFF), m.poke32(kGdt + 28, 0x00CFFB00);
    m.poke32(kGdt + 32, 0x0000FFFF), m.poke32(kGdt + 36, 0x00CFF300);
    m.poke32(0x9004, 0xA000), m.poke32(0x9008, 0x10);
    CpuState& s = m.cpu.state();
    s.gdtr.limit = 39;
    s.tr = {0x28, 0x8B, 0x9000, 0x67};
    s.seg[CS] = {0x1B, 0xC0FB, 0, ~0u};
    for (Seg seg : {SS, DS, ES}) s.seg[seg] = {0x23, 0xC0F3, 0, ~0u};
    m.code({0xCD, 0x40, 0xEB, 0xFC});  // int 40h; jmp back
    m.poke(0x7000, {0x41, 0xCF});      // inc ecx; iret
    m.poke(0x7100, {0x42, 0xCF});
    REQUIRE(m.runs_to<exits::BudgetSpent>(4 * 25));  // 25 rounds: remembered long ago
    REQUIRE(m.reg(ECX) == 25);
    CHECK(s.eip == SmallMachine::kCode);
    m.poke32(change.at, change.value);
    Vmcs vmcs;
    vmcs.enable_ept = false;
    vmcs.exception_bitmap = ~0u;
    m.cpu.set_vmcs(&vmcs);
    const CpuExit exit = m.cpu.run(1);
    if (change.expected_eip) {
      CHECK(std::holds_alternative<exits::BudgetSpent>(exit));
      CHECK(s.eip == change.expected_eip);
      CHECK(s.gpr[ESP] == 0xA000 - 20);
    } else {
      CHECK(std::holds_alternative<exits::ExceptionOrNmi>(exit));
      CHECK(s.eip == SmallMachine::kCode);
      CHECK(s.gpr[ESP] == SmallMachine::kStack);
    }
    m.cpu.set_vmcs(nullptr);
  }
}

TEST_CASE("a debugger's breakpoint stops before the instruction, once") {
  SmallMachine m;
  m.code({0x40, 0x40, 0xF4});
  m.cpu.add_breakpoint(LinearAddr(SmallMachine::kCode + 1));
  CHECK(m.runs_to<exits::DebugStop>(100));
  CHECK(m.reg(EAX) == 1);
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.reg(EAX) == 2);
}

TEST_CASE("a watchpoint stops after the access") {
  SmallMachine m;
  m.code({0xA3, 0x00, 0x90, 0x00, 0x00, 0x40, 0xF4});
  m.cpu.add_watchpoint(LinearAddr(0x9002), 1, false);
  CHECK(m.runs_to<exits::DebugStop>(100));
  CHECK(m.cpu.state().eip == SmallMachine::kCode + 5);
}

TEST_CASE("a jump past the limit of CS faults at the jump") {
  SmallMachine m;
  add_gate(m, vector::GP, kHandler);
  m.poke(kHandler, {0xF4});
  m.code({0x40, 0xE9, 0x00, 0x00, 0x10, 0x00});
  m.cpu.state().seg[CS].limit = 0xFFFFF;
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.peek32(m.reg(ESP) + 4) == SmallMachine::kCode + 1);
}

TEST_CASE("division that overflows faults and never harms the host") {
  SmallMachine m;
  add_gate(m, vector::DE, kHandler);
  m.poke(kHandler, {0xF4});
  m.code({0xF7, 0xF9});  // idiv ecx
  m.reg(EDX) = 0x80000000u;
  m.reg(EAX) = 0;
  m.reg(ECX) = 0xFFFFFFFFu;
  CHECK(m.runs_to<exits::Halted>(100));
  CHECK(m.reg(EDX) == 0x80000000u);
  CHECK(m.peek32(m.reg(ESP)) == SmallMachine::kCode);
}
