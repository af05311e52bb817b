// Each emulation handler, fed with a fabricated exit: the bytes of one instruction, the state that it traps
// in, and what the guest must find afterwards.
#include <cstring>
#include <functional>
#include <set>

#include "hypervisor/trap/trap_monitor.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

constexpr u32 kCode = 0x1000, kStack = 0x9000, kGdt = 0x2000, kIdt = 0x3000, kTss = 0x4000, kLdt = 0x5000,
              kData = 0x6000, kHandler = 0x7000, kStack0 = 0xA000;
constexpr u16 kCs0 = 0x08, kDs0 = 0x10, kCs3 = 0x1B, kDs3 = 0x23, kTssSel = 0x28, kLdtSel = 0x30,
              kGate = 0x38, kCs1 = 0x41, kDs1 = 0x49, kGateSame = 0x50, kReadOnly = 0x58;

constexpr Descriptor flat(u32 access) { return {0xFFFF, 0xCF0000u | access << 8}; }
constexpr Descriptor system(u32 base, u32 limit, u32 access) {
  return {(limit & 0xFFFF) | base << 16, (base & 0xFF000000u) | (base >> 16 & 0xFF) | access << 8};
}
constexpr Descriptor gate(u16 selector, u32 offset, u32 access) {
  return {u32{selector} << 16 | (offset & 0xFFFF), (offset & 0xFFFF0000u) | access << 8};
}

struct Bench {
  Bench() : host(config()), monitor(host) {
    const Descriptor gdt[] = {{},
                              flat(0x9A),
                              flat(0x92),
                              flat(0xFA),
                              flat(0xF2),
                              system(kTss, 0x87, 0x89),
                              system(kLdt, 15, 0x82),
                              gate(kCs0, kHandler, 0xEC),
                              flat(0xBA),
                              flat(0xB2),
                              gate(kCs0, kHandler, 0x8C),
                              flat(0x90)};
    put(kGdt, gdt, sizeof gdt);
    const Descriptor ldt[] = {flat(0xF2), flat(0x92)};
    put(kLdt, ldt, sizeof ldt);
    for (u32 v = 0; v < 256; ++v) {
      // Vector n is handled at kHandler + n; 3, 4 and 80h may be named by users.
      const Descriptor g = gate(kCs0, kHandler + v, v == 3 || v == 4 || v == 0x80 ? 0xEE : 0x8E);
      put(kIdt + v * 8, &g, 8);
    }
    const u32 stack0[2] = {kStack0, kDs0};
    put(kTss + 4, stack0, 8);
    const u16 io_map = 0x68;
    put(kTss + 102, &io_map, 2);
    std::vector<u8> closed(0x88 - 0x68, 0xFF);
    closed[0x80 / 8] = 0xFE;  // port 80h is permitted to users
    put(kTss + 0x68, closed.data(), closed.size());

    CpuState s = flat_protected_state(kCode);
    s.gdtr = {kGdt, sizeof gdt - 1};
    s.idtr = {kIdt, 0x7FF};
    s.tr = segment_of(kTssSel, system(kTss, 0x87, 0x8B));
    for (Seg seg : {ES, SS, DS, FS, GS}) s.seg[seg] = segment_of(kDs0, flat(0x93));
    s.seg[CS] = segment_of(kCs0, flat(0x9B));
    s.gpr[ESP] = kStack;
    monitor.guest.begin(s);
    g().virt.tr = s.tr;
  }
  static HostConfig config() {
    HostConfig c;
    c.ram_bytes = 1u << 20;
    c.monitor_bytes = 1u << 20;
    return c;
  }
  void put(u32 address, const void* bytes, std::size_t n) {
    std::memcpy(host.machine.ram().at(GuestPhys(address), n), bytes, n);
  }
  void put32(u32 address, u32 value) { put(address, &value, 4); }
  u32 get32(u32 address) { return *host.machine.ram().read<u32>(GuestPhys(address)); }
  TrapGuest& g() { return monitor.guest; }
  u32& reg(Gpr r) { return g().real().gpr[r]; }
  /// The word at the top of the guest's stack, and below.
  u32 stack(u32 n) { return get32(reg(ESP) + n * 4); }

  /// The guest is in ring `ring` from now on.
  void to_ring(u32 ring) {
    const u16 cs = ring == 0   ? kCs0
                   : ring == 1 ? kCs1
                               : kCs3,
              ss = ring == 0   ? kDs0
                   : ring == 1 ? kDs1
                               : kDs3;
    const u32 frame[5] = {kCode, cs, g().flags(), kStack, ss};
    reg(ESP) = kStack - 0x100;
    put(reg(ESP), frame, sizeof frame);
    if (ring != 0) REQUIRE(g().iret(true));
    reg(ESP) = kStack;
    REQUIRE(monitor.virtual_state().cpl() == ring);
  }

  Outcome execute(std::initializer_list<u8> bytes,
                  Event event = {.vector = vector::GP, .has_error_code = true}) {
    put(g().real().eip, bytes.begin(), bytes.size());
    start = g().real().eip;
    const Outcome outcome = dispatch(monitor, Exit(exits::MonitorEntry{event, 0}));
    if (outcome.kind != Outcome::Kind::Stop) monitor.apply(outcome);
    return outcome;
  }
  /// The guest found itself in the handler of `vector`.
  bool in_handler(u32 vector) { return g().real().eip == kHandler + vector; }
  bool advanced(u32 length) { return g().real().eip == start + length; }

  Host host;
  TrapMonitor monitor;
  u32 start = 0;
};

struct Row {
  const char* row;  ///< the row of the emulation table that must serve it
  const char* what;
  std::initializer_list<u8> bytes;
  std::function<void(Bench&)> before;
  std::function<bool(Bench&)> after;
};

void nothing(Bench&) {}
void ring3(Bench& b) { b.to_ring(3); }

const Row kRows[] = {
    {"CLI",
     "clears the virtual IF",
     {0xFA},
     [](Bench& b) { b.g().set_flags(b.g().flags() | eflags::IF); },
     [](Bench& b) {
       return !b.g().interrupts_enabled() && b.g().real().eflags & eflags::IF && b.advanced(1);
     }},
    {"CLI",
     "faults for a user",
     {0xFA},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP) && b.stack(0) == 0; }},
    {"CLI",
     "works for a user with IOPL 3",
     {0xFA},
     [](Bench& b) {
       b.g().set_flags(eflags::IOPL | eflags::IF);
       b.to_ring(3);
     },
     [](Bench& b) { return !b.g().interrupts_enabled() && b.advanced(1); }},
    {"STI",
     "sets the virtual IF after one more instruction",
     {0xFB},
     nothing,
     [](Bench& b) { return b.g().interrupts_enabled() && b.g().interrupt_shadow && b.advanced(1); }},
    {"HLT",
     "waits",
     {0xF4},
     [](Bench& b) { b.g().set_flags(eflags::IF); },
     [](Bench& b) { return b.advanced(1); }},
    {"LGDT",
     "takes the table",
     {0x0F, 0x01, 0x15, 0x00, 0x60, 0x00, 0x00},
     [](Bench& b) {
       const u8 t[6] = {0x17, 0, 0x00, 0x20, 0, 0};
       b.put(kData, t, 6);
     },
     [](Bench& b) {
       return b.g().virt.gdtr == TableRegister{kGdt, 0x17} && b.g().real().gdtr.base == RS_MONITOR_BASE;
     }},
    {"LGDT",
     "faults for a user",
     {0x0F, 0x01, 0x15, 0x00, 0x60, 0x00, 0x00},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"LIDT",
     "takes the table",
     {0x0F, 0x01, 0x1D, 0x00, 0x60, 0x00, 0x00},
     [](Bench& b) {
       const u8 t[6] = {0xFF, 7, 0x00, 0x30, 0, 0};
       b.put(kData, t, 6);
     },
     [](Bench& b) {
       return b.g().virt.idtr == TableRegister{kIdt, 0x7FF};
     }},
    {"LLDT",
     "takes the table and a load through it is shadowed",
     {0x0F, 0x00, 0xD0},
     [](Bench& b) { b.reg(EAX) = kLdtSel; },
     [](Bench& b) {
       return b.g().virt.ldtr.base == kLdt && b.g().load_data_segment(ES, 0x07) &&
              b.g().area.ldt(0).present() && b.g().area.ldt(0).dpl() == 3;
     }},
    {"LTR",
     "marks the TSS busy",
     {0x0F, 0x00, 0xD8},
     [](Bench& b) { b.reg(EAX) = kTssSel; },
     [](Bench& b) { return b.g().virt.tr.base == kTss && (b.get32(kGdt + kTssSel + 4) & 0x200); }},
    {"LMSW",
     "cannot leave protected mode",
     {0x0F, 0x01, 0xF0},
     [](Bench& b) { b.reg(EAX) = cr0::TS; },
     [](Bench& b) { return (b.g().virt.cr0 & 15) == (cr0::TS | cr0::PE) && b.g().real().cr0 & cr0::TS; }},
    {"CLTS",
     "clears TS",
     {0x0F, 0x06},
     [](Bench& b) { b.g().set_cr0(b.g().virt.cr0 | cr0::TS); },
     [](Bench& b) { return !(b.g().virt.cr0 & cr0::TS) && !(b.g().real().cr0 & cr0::TS); }},
    {"INVLPG", "goes on", {0x0F, 0x01, 0x38}, nothing, [](Bench& b) { return b.advanced(3); }},
    {"INVD", "goes on", {0x0F, 0x08}, nothing, [](Bench& b) { return b.advanced(2); }},
    {"WBINVD", "goes on", {0x0F, 0x09}, nothing, [](Bench& b) { return b.advanced(2); }},
    {"WBINVD", "faults for a user", {0x0F, 0x09}, ring3, [](Bench& b) { return b.in_handler(vector::GP); }},
    {"MOV CR",
     "CR0 shows what the guest set, paging off",
     {0x0F, 0x20, 0xC0},
     nothing,
     [](Bench& b) {
       return b.reg(EAX) == b.g().virt.cr0 && !(b.reg(EAX) & cr0::PG) && b.g().real().cr0 & cr0::PG;
     }},
    {"MOV CR",
     "CR3 goes to the virtual register",
     {0x0F, 0x22, 0xD8},
     [](Bench& b) { b.reg(EAX) = 0x8000; },
     [](Bench& b) { return b.g().virt.cr3 == 0x8000 && b.g().real().cr3 < (1u << 20); }},
    {"MOV CR",
     "CR0 without PE but with PG faults",
     {0x0F, 0x22, 0xC0},
     [](Bench& b) { b.reg(EAX) = cr0::PG; },
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"MOV CR",
     "CR4 with reserved bits faults",
     {0x0F, 0x22, 0xE0},
     [](Bench& b) { b.reg(EAX) = 1u << 31; },
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"MOV CR",
     "CR2",
     {0x0F, 0x22, 0xD0},
     [](Bench& b) { b.reg(EAX) = 0x1234; },
     [](Bench& b) { return b.monitor.virtual_state().cr2 == 0x1234; }},
    {"MOV CR",
     "faults for a user",
     {0x0F, 0x20, 0xC0},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"MOV DR",
     "DR7 keeps its fixed bit",
     {0x0F, 0x23, 0xF8},
     [](Bench& b) { b.reg(EAX) = 0; },
     [](Bench& b) { return b.g().virt.dr[7] == 0x400; }},
    {"MOV DR",
     "DR6 reads back",
     {0x0F, 0x21, 0xF0},
     nothing,
     [](Bench& b) { return b.reg(EAX) == 0xFFFF0FF0u; }},
    {"MOV DR",
     "general detect",
     {0x0F, 0x21, 0xF0},
     [](Bench& b) { b.g().virt.dr[7] |= 1u << 13; },
     [](Bench& b) { return b.in_handler(vector::DB) && b.g().virt.dr[6] & 1u << 13; }},
    {"WRMSR",
     "SYSENTER_EIP",
     {0x0F, 0x30},
     [](Bench& b) {
       b.reg(ECX) = 0x176;
       b.reg(EAX) = 0x77;
       b.reg(EDX) = 0;
     },
     [](Bench& b) { return b.g().virt.sysenter_eip == 0x77 && b.g().real().sysenter_eip == 0; }},
    {"WRMSR",
     "an unknown register faults",
     {0x0F, 0x30},
     [](Bench& b) { b.reg(ECX) = 0x7777; },
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"RDMSR",
     "SYSENTER_CS",
     {0x0F, 0x32},
     [](Bench& b) {
       b.reg(ECX) = 0x174;
       b.g().virt.sysenter_cs = 8;
     },
     [](Bench& b) { return b.reg(EAX) == 8 && b.reg(EDX) == 0; }},
    {"RDTSC",
     "reads the simulated clock",
     {0x0F, 0x31},
     [](Bench& b) { b.host.ledger.idle(1000000); },
     [](Bench& b) { return b.reg(EAX) >= 1000000 && b.advanced(2); }},
    {"RDTSC",
     "faults for a user when the guest's CR4.TSD is set",
     {0x0F, 0x31},
     [](Bench& b) {
       b.g().set_cr4(cr4::TSD);
       b.to_ring(3);
     },
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"IN",
     "from a port that nobody owns",
     {0xE4, 0xEF},
     nothing,
     [](Bench& b) { return (b.reg(EAX) & 0xFF) == 0xFF && b.advanced(2); }},
    {"IN",
     "faults for a user whose bitmap forbids it",
     {0xE4, 0x60},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"IN",
     "works for a user whose bitmap permits it",
     {0xE4, 0x80},
     ring3,
     [](Bench& b) { return b.advanced(2); }},
    {"OUT",
     "reaches the console",
     {0xE6, 0xE9},
     [](Bench& b) { b.reg(EAX) = 'x'; },
     [](Bench& b) { return b.host.machine.console() == "x" && b.advanced(2); }},
    {"OUTS",
     "writes a string",
     {0xF3, 0x6E},
     [](Bench& b) {
       b.put(kData, "hello", 5);
       b.reg(ESI) = kData;
       b.reg(ECX) = 5;
       b.reg(EDX) = 0xE9;
     },
     [](Bench& b) {
       return b.host.machine.console() == "hello" && b.reg(ECX) == 0 && b.reg(ESI) == kData + 5;
     }},
    {"INS",
     "reads a string",
     {0xF3, 0x6C},
     [](Bench& b) {
       b.reg(EDI) = kData;
       b.reg(ECX) = 4;
       b.reg(EDX) = 0xE9;
     },
     [](Bench& b) { return b.get32(kData) == 0xE9E9E9E9 && b.reg(ECX) == 0 && b.advanced(2); }},
    {"PUSHF",
     "shows the virtual IF and IOPL",
     {0x9C},
     [](Bench& b) { b.g().set_flags(eflags::IOPL); },
     [](Bench& b) {
       return (b.stack(0) & (eflags::IF | eflags::IOPL)) == eflags::IOPL && b.reg(ESP) == kStack - 4;
     }},
    {"POPF",
     "changes the virtual IF",
     {0x9D},
     [](Bench& b) {
       b.reg(ESP) -= 4;
       b.put32(b.reg(ESP), eflags::IF | eflags::CF | 2);
     },
     [](Bench& b) {
       return b.g().interrupts_enabled() && b.g().flags() & eflags::CF && b.reg(ESP) == kStack;
     }},
    {"POPF",
     "does not let a user change IF",
     {0x9D},
     [](Bench& b) {
       b.to_ring(3);
       b.reg(ESP) -= 4;
       b.put32(b.reg(ESP), eflags::IF | eflags::CF | 2);
     },
     [](Bench& b) { return !b.g().interrupts_enabled() && b.g().flags() & eflags::CF; }},
    {"SMSW",
     "shows the guest's CR0",
     {0x0F, 0x01, 0xE0},
     nothing,
     [](Bench& b) { return b.reg(EAX) == b.g().virt.cr0; }},
    {"SGDT",
     "shows the guest's table",
     {0x0F, 0x01, 0x05, 0x00, 0x60, 0, 0},
     nothing,
     [](Bench& b) { return b.get32(kData + 2) == kGdt; }},
    {"SIDT",
     "shows the guest's table",
     {0x0F, 0x01, 0x0D, 0x00, 0x60, 0, 0},
     nothing,
     [](Bench& b) { return b.get32(kData + 2) == kIdt && (b.get32(kData) & 0xFFFF) == 0x7FF; }},
    {"SLDT",
     "shows the guest's selector",
     {0x0F, 0x00, 0xC0},
     [](Bench& b) { REQUIRE(b.g().load_ldtr(kLdtSel)); },
     [](Bench& b) { return b.reg(EAX) == kLdtSel; }},
    {"STR",
     "shows the guest's selector",
     {0x0F, 0x00, 0xC8},
     nothing,
     [](Bench& b) { return b.reg(EAX) == kTssSel; }},
    {"VERR",
     "finds ring 0 data readable",
     {0x0F, 0x00, 0xE0},
     [](Bench& b) { b.reg(EAX) = kDs0; },
     [](Bench& b) { return (b.g().flags() & eflags::ZF) != 0; }},
    {"VERW",
     "finds read-only data not writable",
     {0x0F, 0x00, 0xE8},
     [](Bench& b) { b.reg(EAX) = kReadOnly; },
     [](Bench& b) { return !(b.g().flags() & eflags::ZF); }},
    {"LAR",
     "shows DPL 0",
     {0x0F, 0x02, 0xC1},
     [](Bench& b) { b.reg(ECX) = kCs0; },
     [](Bench& b) { return (b.reg(EAX) & 0xFE00) == 0x9A00 && b.g().flags() & eflags::ZF; }},
    {"LSL",
     "shows the whole limit",
     {0x0F, 0x03, 0xC1},
     [](Bench& b) { b.reg(ECX) = kDs0; },
     [](Bench& b) { return b.reg(EAX) == 0xFFFFFFFF; }},
    {"LSL",
     "of ring 0 is not for users",
     {0x0F, 0x03, 0xC1},
     [](Bench& b) {
       b.to_ring(3);
       b.reg(ECX) = kDs0;
     },
     [](Bench& b) { return !(b.g().flags() & eflags::ZF); }},
    {"MOV from segment",
     "CS shows ring 0",
     {0x8C, 0xC8},
     nothing,
     [](Bench& b) { return b.reg(EAX) == kCs0; }},
    {"PUSH segment",
     "SS shows ring 0",
     {0x16},
     nothing,
     [](Bench& b) { return (b.stack(0) & 0xFFFF) == kDs0; }},
    {"MOV to segment",
     "SS with RPL 0",
     {0x8E, 0xD0},
     [](Bench& b) { b.reg(EAX) = kDs0; },
     [](Bench& b) { return b.g().real().seg[SS].selector == (kDs0 | 1) && b.g().interrupt_shadow; }},
    {"MOV to segment",
     "fills the shadow GDT",
     {0x8E, 0xD8},
     [](Bench& b) { b.reg(EAX) = kDs3; },
     [](Bench& b) {
       return b.g().area.gdt(kDs3 >> 3).dpl() == 3 && b.get32(kGdt + (kDs3 & ~7) + 4) & 0x100;
     }},
    {"MOV to segment",
     "code that cannot be read faults with its selector",
     {0x8E, 0xD8},
     [](Bench& b) { b.reg(EAX) = kTssSel; },
     [](Bench& b) { return b.in_handler(vector::GP) && b.stack(0) == kTssSel; }},
    {"POP segment",
     "DS",
     {0x1F},
     [](Bench& b) {
       b.reg(ESP) -= 4;
       b.put32(b.reg(ESP), kDs3);
     },
     [](Bench& b) { return b.g().real().seg[DS].selector == kDs3 && b.reg(ESP) == kStack; }},
    {"LDS",
     "loads selector and register",
     {0xC5, 0x05, 0x00, 0x60, 0, 0},
     [](Bench& b) {
       b.put32(kData, 0x1234);
       b.put32(kData + 4, kDs3);
     },
     [](Bench& b) { return b.reg(EAX) == 0x1234 && b.g().real().seg[DS].selector == kDs3; }},
    {"JMP far",
     "to ring 0 code",
     {0xEA, 0x00, 0x70, 0, 0, kCs0, 0},
     nothing,
     [](Bench& b) { return b.g().real().eip == kHandler && b.g().selector(CS) == kCs0; }},
    {"JMP far",
     "through a call gate",
     {0xEA, 0, 0, 0, 0, kGateSame, 0},
     nothing,
     [](Bench& b) { return b.g().real().eip == kHandler; }},
    {"CALL far",
     "pushes the virtual CS",
     {0x9A, 0x00, 0x70, 0, 0, kCs0, 0},
     nothing,
     [](Bench& b) { return b.g().real().eip == kHandler && b.stack(0) == kCode + 7 && b.stack(1) == kCs0; }},
    {"CALL far",
     "from a user through a gate to ring 0",
     {0x9A, 0, 0, 0, 0, kGate | 3, 0},
     ring3,
     [](Bench& b) {
       return b.g().cpl() == 0 && b.g().real().eip == kHandler && b.reg(ESP) == kStack0 - 16 &&
              b.stack(0) == kCode + 7 && b.stack(1) == kCs3 && b.stack(2) == kStack && b.stack(3) == kDs3;
     }},
    {"RET far",
     "to ring 3",
     {0xCB},
     [](Bench& b) {
       const u32 frame[4] = {0x1234, kCs3, 0x8000, kDs3};
       b.reg(ESP) -= 16;
       b.put(b.reg(ESP), frame, 16);
     },
     [](Bench& b) {
       return b.g().cpl() == 3 && b.g().real().eip == 0x1234 && b.reg(ESP) == 0x8000 &&
              !b.g().real().seg[DS].usable();
     }},
    {"IRET",
     "to ring 3 with interrupts on",
     {0xCF},
     [](Bench& b) {
       const u32 frame[5] = {0x1234, kCs3, eflags::IF | 2, 0x8000, kDs3};
       b.reg(ESP) -= 20;
       b.put(b.reg(ESP), frame, 20);
     },
     [](Bench& b) {
       return b.g().cpl() == 3 && b.g().interrupts_enabled() && b.g().real().seg[CS].selector == kCs3;
     }},
    {"IRET",
     "to ring 1, which is real ring 2",
     {0xCF},
     [](Bench& b) {
       const u32 frame[5] = {0x1234, kCs1, 2, 0x8000, kDs1};
       b.reg(ESP) -= 20;
       b.put(b.reg(ESP), frame, 20);
     },
     [](Bench& b) {
       return b.g().cpl() == 1 && b.g().real().seg[CS].dpl() == 2 && b.g().selector(CS) == kCs1;
     }},
    {"IRET",
     "to virtual-8086 mode",
     {0xCF},
     [](Bench& b) {
       const u32 frame[9] = {0x12, 0x100, eflags::VM | 2, 0x80, 0x200, 0x300, 0x400, 0x500, 0x600};
       b.reg(ESP) -= 36;
       b.put(b.reg(ESP), frame, 36);
     },
     [](Bench& b) {
       return b.g().virtual_8086() && b.g().real().seg[CS].base == 0x1000 &&
              b.g().real().seg[GS].base == 0x6000 && b.g().cpl() == 3;
     }},
    {"INT",
     "n to ring 0 from a user",
     {0xCD, 0x80},
     ring3,
     [](Bench& b) {
       return b.in_handler(0x80) && b.stack(0) == kCode + 2 && b.stack(1) == kCs3 && b.stack(4) == kDs3;
     }},
    {"INT",
     "n of a gate that is not the user's",
     {0xCD, 0x21},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP) && b.stack(0) == 0x21 * 8 + 2; }},
    {"SYSENTER",
     "to ring 0",
     {0x0F, 0x34},
     [](Bench& b) {
       b.to_ring(3);
       b.g().virt.sysenter_cs = kCs0;
       b.g().virt.sysenter_esp = kStack0;
       b.g().virt.sysenter_eip = kHandler;
     },
     [](Bench& b) {
       return b.g().cpl() == 0 && b.in_handler(0) && b.reg(ESP) == kStack0 && b.g().selector(SS) == kDs0;
     }},
    {"SYSENTER",
     "faults without SYSENTER_CS",
     {0x0F, 0x34},
     ring3,
     [](Bench& b) { return b.in_handler(vector::GP); }},
    {"SYSEXIT",
     "to ring 3",
     {0x0F, 0x35},
     [](Bench& b) {
       b.g().virt.sysenter_cs = kCs0;
       b.reg(EDX) = 0x1234;
       b.reg(ECX) = 0x8000;
     },
     [](Bench& b) { return b.g().cpl() == 3 && b.g().real().eip == 0x1234 && b.reg(ESP) == 0x8000; }},
};

}  // namespace

TEST_CASE("every emulation handler does what the guest's own processor would", "[trap]") {
  std::set<std::string_view> seen;
  for (const Row& row : kRows) {
    INFO(row.row << " " << row.what);
    Bench b;
    row.before(b);
    b.execute(row.bytes);
    CHECK(row.after(b));
    seen.insert(row.row);
  }
  for (const EmulationRow& row : emulation_rows()) {
    INFO(row.name);
    CHECK(seen.count(row.name) == 1);
  }
}

TEST_CASE("without its row an instruction's fault goes to the guest", "[trap]") {
  for (const Row& row : kRows) {
    INFO(row.row << " " << row.what);
    Bench b;
    REQUIRE(b.monitor.emulations.remove(row.row));
    row.before(b);
    b.execute(row.bytes);
    CHECK(b.in_handler(vector::GP));
  }
}

TEST_CASE("exits are counted under the reason of the instruction", "[trap]") {
  Bench b;
  b.execute({0xFA});
  b.execute({0xE6, 0x80});
  b.execute({0x0F, 0x20, 0xC0});
  b.execute({0x9C});
  CHECK(b.host.ledger.samples(ExitReason::PrivilegedInstruction) == 1);
  CHECK(b.host.ledger.samples(ExitReason::IoInstruction) == 1);
  CHECK(b.host.ledger.samples(ExitReason::CrAccess) == 1);
  CHECK(b.host.ledger.samples(ExitReason::SensitiveInstruction) == 1);
  CHECK(b.host.ledger.total(CostEvent::RingTransition) == 4);
  CHECK(b.host.ledger.total(CostEvent::DecodeAndEmulate) == 4);
}

TEST_CASE("faults and interrupts are reflected through the guest's own IDT", "[trap]") {
  Bench b;
  b.to_ring(3);
  b.g().set_flags(b.g().flags() | eflags::IF);
  dispatch(b.monitor, Exit(exits::MonitorEntry{{.vector = vector::DE}, 0}));
  b.monitor.apply(Outcome::inject({.vector = vector::DE}));
  CHECK(b.in_handler(vector::DE));
  CHECK(b.g().cpl() == 0);
  CHECK(b.reg(ESP) == kStack0 - 20);
  CHECK(b.stack(0) == kCode);
  CHECK(b.stack(1) == kCs3);
  CHECK((b.stack(2) & eflags::IF) != 0);    // the virtual flag of the interrupted user
  CHECK_FALSE(b.g().interrupts_enabled());  // an interrupt gate
  CHECK(b.stack(3) == kStack);
  CHECK(b.stack(4) == kDs3);
}

TEST_CASE("faults of delivery make double and triple faults", "[trap]") {
  Bench b;
  b.g().virt.idtr.limit = 8 * 8 + 7;  // up to the double fault's gate
  CHECK(b.g().deliver({.vector = vector::GP, .has_error_code = true}, 0));
  CHECK(b.in_handler(vector::DF));
  Bench c;
  c.g().virt.idtr.limit = 7;
  CHECK_FALSE(c.g().deliver({.vector = vector::GP, .has_error_code = true}, 0));
  Bench d;
  const u32 bad_stack[2] = {kStack0, 0x1234};
  d.to_ring(3);
  d.put(kTss + 4, bad_stack, 8);
  CHECK_FALSE(d.g().deliver({.vector = vector::DE}, 0));  // #TS, #DF and #TS again
}

TEST_CASE("writing a guest descriptor drops its shadow", "[trap]") {
  Bench b;
  REQUIRE(b.g().load_data_segment(DS, kDs3));
  REQUIRE(b.g().area.gdt(kDs3 >> 3).present());
  REQUIRE(b.g().paging.traced(GuestPhys(kGdt)));
  const Descriptor absent = {0xFFFF, 0xCF7200};
  REQUIRE(b.g().write(LinearAddr(kGdt + (kDs3 & ~7)), &absent, 8, false));
  CHECK_FALSE(b.g().area.gdt(kDs3 >> 3).present());
  CHECK_FALSE(b.g().load_data_segment(DS, kDs3));
  CHECK(b.g().fault.event.vector == vector::NP);
}
