#include "hypervisor/trap/emulate_privileged.h"

#include <cassert>

#include "cpu/msr.h"
#include "cpu/notes.h"
#include "hypervisor/trap/operands.h"

namespace ringside {
namespace {

using R = ExitReason;
constexpr i8 kAny = EmulationRow::kAny;

// clang-format off
constexpr EmulationRow kRows[] = {
    // ---- privileged: they fault outside ring 0 on every x86
    {"HLT",      0x00F4, kAny, R::Hlt, emulation::hlt},
    {"CLI",      0x00FA, kAny, R::PrivilegedInstruction, emulation::cli},
    {"STI",      0x00FB, kAny, R::PrivilegedInstruction, emulation::sti},
    {"LLDT",     0x0F00, 2,    R::DescriptorTable, emulation::load_selector},
    {"LTR",      0x0F00, 3,    R::DescriptorTable, emulation::load_selector},
    {"LGDT",     0x0F01, 2,    R::DescriptorTable, emulation::load_table},
    {"LIDT",     0x0F01, 3,    R::DescriptorTable, emulation::load_table},
    {"LMSW",     0x0F01, 6,    R::CrAccess, emulation::lmsw},
    {"INVLPG",   0x0F01, 7,    R::Invlpg, emulation::invlpg},
    {"CLTS",     0x0F06, kAny, R::CrAccess, emulation::clts},
    {"INVD",     0x0F08, kAny, R::Wbinvd, emulation::wbinvd},
    {"WBINVD",   0x0F09, kAny, R::Wbinvd, emulation::wbinvd},
    {"MOV CR",   0x0F20, kAny, R::CrAccess, emulation::mov_from_cr},
    {"MOV DR",   0x0F21, kAny, R::MovDr, emulation::mov_from_dr},
    {"MOV CR",   0x0F22, kAny, R::CrAccess, emulation::mov_to_cr},
    {"MOV DR",   0x0F23, kAny, R::MovDr, emulation::mov_to_dr},
    {"WRMSR",    0x0F30, kAny, R::Wrmsr, emulation::wrmsr},
    {"RDTSC",    0x0F31, kAny, R::Rdtsc, emulation::rdtsc},
    {"RDMSR",    0x0F32, kAny, R::Rdmsr, emulation::rdmsr},
    // ---- input and output: they fault where IOPL and the TSS do not permit them
    {"INS",      0x006C, kAny, R::IoInstruction, emulation::ins},
    {"INS",      0x006D, kAny, R::IoInstruction, emulation::ins},
    {"OUTS",     0x006E, kAny, R::IoInstruction, emulation::outs},
    {"OUTS",     0x006F, kAny, R::IoInstruction, emulation::outs},
    {"IN",       0x00E4, kAny, R::IoInstruction, emulation::in},
    {"IN",       0x00E5, kAny, R::IoInstruction, emulation::in},
    {"OUT",      0x00E6, kAny, R::IoInstruction, emulation::out},
    {"OUT",      0x00E7, kAny, R::IoInstruction, emulation::out},
    {"IN",       0x00EC, kAny, R::IoInstruction, emulation::in},
    {"IN",       0x00ED, kAny, R::IoInstruction, emulation::in},
    {"OUT",      0x00EE, kAny, R::IoInstruction, emulation::out},
    {"OUT",      0x00EF, kAny, R::IoInstruction, emulation::out},
    // ---- sensitive, and silent on a real x86
    {"PUSHF",    0x009C, kAny, R::SensitiveInstruction, emulation::pushf},
    {"POPF",     0x009D, kAny, R::SensitiveInstruction, emulation::popf},
    {"SMSW",     0x0F01, 4,    R::SensitiveInstruction, emulation::smsw},
    {"SGDT",     0x0F01, 0,    R::DescriptorTable, emulation::store_table},
    {"SIDT",     0x0F01, 1,    R::DescriptorTable, emulation::store_table},
    {"SLDT",     0x0F00, 0,    R::DescriptorTable, emulation::store_selector},
    {"STR",      0x0F00, 1,    R::DescriptorTable, emulation::store_selector},
    {"VERR",     0x0F00, 4,    R::SensitiveInstruction, emulation::verify},
    {"VERW",     0x0F00, 5,    R::SensitiveInstruction, emulation::verify},
    {"LAR",      0x0F02, kAny, R::SensitiveInstruction, emulation::lar},
    {"LSL",      0x0F03, kAny, R::SensitiveInstruction, emulation::lsl},
    {"MOV from segment", 0x008C, kAny, R::SensitiveInstruction, emulation::mov_from_segment},
    {"PUSH segment", 0x0006, kAny, R::SensitiveInstruction, emulation::push_segment},
    {"PUSH segment", 0x000E, kAny, R::SensitiveInstruction, emulation::push_segment},
    {"PUSH segment", 0x0016, kAny, R::SensitiveInstruction, emulation::push_segment},
    {"PUSH segment", 0x001E, kAny, R::SensitiveInstruction, emulation::push_segment},
    {"PUSH segment", 0x0FA0, kAny, R::SensitiveInstruction, emulation::push_segment},
    {"PUSH segment", 0x0FA8, kAny, R::SensitiveInstruction, emulation::push_segment},
    // ---- segment loads and transfers: they meet the compressed rings, or descriptors without a shadow
    {"MOV to segment", 0x008E, kAny, R::SensitiveInstruction, emulation::mov_to_segment},
    {"POP segment", 0x0007, kAny, R::SensitiveInstruction, emulation::pop_segment},
    {"POP segment", 0x0017, kAny, R::SensitiveInstruction, emulation::pop_segment},
    {"POP segment", 0x001F, kAny, R::SensitiveInstruction, emulation::pop_segment},
    {"POP segment", 0x0FA1, kAny, R::SensitiveInstruction, emulation::pop_segment},
    {"POP segment", 0x0FA9, kAny, R::SensitiveInstruction, emulation::pop_segment},
    {"LDS",      0x00C4, kAny, R::SensitiveInstruction, emulation::load_far_pointer},
    {"LDS",      0x00C5, kAny, R::SensitiveInstruction, emulation::load_far_pointer},
    {"LDS",      0x0FB2, kAny, R::SensitiveInstruction, emulation::load_far_pointer},
    {"LDS",      0x0FB4, kAny, R::SensitiveInstruction, emulation::load_far_pointer},
    {"LDS",      0x0FB5, kAny, R::SensitiveInstruction, emulation::load_far_pointer},
    {"CALL far", 0x009A, kAny, R::SensitiveInstruction, emulation::far_call},
    {"CALL far", 0x00FF, 3,    R::SensitiveInstruction, emulation::far_call},
    {"JMP far",  0x00EA, kAny, R::SensitiveInstruction, emulation::far_jump},
    {"JMP far",  0x00FF, 5,    R::SensitiveInstruction, emulation::far_jump},
    {"RET far",  0x00CA, kAny, R::SensitiveInstruction, emulation::far_return},
    {"RET far",  0x00CB, kAny, R::SensitiveInstruction, emulation::far_return},
    {"IRET",     0x00CF, kAny, R::SensitiveInstruction, emulation::iret},
    {"INT",      0x00CC, kAny, R::Syscall, emulation::int_n},
    {"INT",      0x00CD, kAny, R::Syscall, emulation::int_n},
    {"INT",      0x00CE, kAny, R::Syscall, emulation::int_n},
    {"SYSENTER", 0x0F34, kAny, R::Syscall, emulation::sysenter},
    {"SYSEXIT",  0x0F35, kAny, R::PrivilegedInstruction, emulation::sysexit},
};
// clang-format on

unsigned slot(u16 opcode) { return (opcode & 0xFF) | (opcode >= 0x0F00 ? 256 : 0); }

}  // namespace

std::span<const EmulationRow> emulation_rows() { return kRows; }

EmulationTable::EmulationTable(std::span<const EmulationRow> rows) : rows_(rows.begin(), rows.end()) {
  index();
}

void EmulationTable::index() {
  assert(rows_.size() < 255);
  first_.fill(0);
  for (std::size_t i = rows_.size(); i-- > 0;) first_[slot(rows_[i].opcode)] = static_cast<u8>(i + 1);
}

const EmulationRow* EmulationTable::find(const Decoded& d) const {
  for (std::size_t i = first_[slot(d.opcode)]; i != 0 && i <= rows_.size(); ++i) {
    const EmulationRow& row = rows_[i - 1];
    if (row.opcode == d.opcode && (row.reg == kAny || row.reg == d.reg)) return &row;
  }
  return nullptr;
}

bool EmulationTable::remove(std::string_view name) {
  const bool found = std::erase_if(rows_, [&](const EmulationRow& r) { return r.name == name; }) != 0;
  index();
  return found;
}

namespace emulation {

// ---- the interrupt flag

Outcome cli(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (g.protected_mode() && g.cpl() > g.iopl()) return general_protection(g);
  g.set_flags(g.flags() & ~eflags::IF);
  return Outcome::advance(d.length);
}

Outcome sti(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (g.protected_mode() && g.cpl() > g.iopl()) return general_protection(g);
  g.interrupt_shadow = !g.interrupts_enabled();
  g.set_flags(g.flags() | eflags::IF);
  return Outcome::advance(d.length);
}

Outcome hlt(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (!g.interrupts_enabled()) return Outcome::stop("the processor is halted with interrupts off");
  g.real().eip += d.length;
  g.interrupt_shadow = false;
  return Outcome::idle();
}

// ---- descriptor tables

Outcome load_table(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u8 bytes[6];
  if (!read_memory(g, d, bytes, sizeof bytes)) return finish(g, false, 0);
  TableRegister t;
  std::memcpy(&t.limit, bytes, 2);
  std::memcpy(&t.base, bytes + 2, 4);
  if (!d.operand32) t.base &= 0xFFFFFF;
  if (d.reg == 2) {
    g.virt.gdtr = t;
    g.descriptors.drop_gdt();
  } else {
    g.virt.idtr = t;
  }
  return Outcome::advance(d.length);
}

Outcome load_selector(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u16 selector;
  const bool ok = read_word(g, d, selector) && (d.reg == 2 ? g.load_ldtr(selector) : g.load_tr(selector));
  return finish(g, ok, d.length);
}

// ---- control and debug registers

Outcome mov_to_cr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  g.host.ledger.note_detail(d.reg);
  const u32 value = g.real().gpr[d.rm];
  bool ok = true;
  switch (d.reg) {
    case 0: ok = g.set_cr0(value); break;
    case 2: g.virt.cr2 = value; break;
    case 3: g.set_cr3(value); break;
    case 4: ok = g.set_cr4(value); break;
    default: ok = g.raise(vector::UD);
  }
  return finish(g, ok, d.length);
}

Outcome mov_from_cr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  g.host.ledger.note_detail(d.reg);
  u32& to = g.real().gpr[d.rm];
  switch (d.reg) {
    case 0: to = g.virt.cr0; break;
    case 2: to = g.virt.cr2; break;
    case 3: to = g.virt.cr3; break;
    case 4: to = g.virt.cr4; break;
    default: return finish(g, g.raise(vector::UD), 0);
  }
  return Outcome::advance(d.length);
}

Outcome lmsw(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  constexpr u32 kReached = cr0::PE | cr0::MP | cr0::EM | cr0::TS;
  u16 value;
  if (!read_word(g, d, value)) return finish(g, false, 0);
  const u32 sticky = g.virt.cr0 & cr0::PE;  // LMSW cannot leave protected mode
  return finish(g, g.set_cr0((g.virt.cr0 & ~kReached) | (value & kReached) | sticky), d.length);
}

Outcome clts(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  return finish(g, g.set_cr0(g.virt.cr0 & ~cr0::TS), d.length);
}

namespace {

constexpr u32 kDr7GeneralDetect = 1u << 13, kDr6AccessDetected = 1u << 13;

/// DR4 and DR5 are DR6 and DR7, or do not exist when CR4.DE is set.
bool debug_register(TrapGuest& g, u8 number, u8& effective) {
  if (g.virt.dr[7] & kDr7GeneralDetect) {
    g.virt.dr[6] |= kDr6AccessDetected;
    g.virt.dr[7] &= ~kDr7GeneralDetect;
    return g.raise(vector::DB);
  }
  effective = number == 4 || number == 5 ? number + 2 : number;
  return effective == number || !(g.virt.cr4 & cr4::DE) || g.raise(vector::UD);
}

}  // namespace

Outcome mov_to_dr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u8 number = d.reg;
  if (!debug_register(g, d.reg, number)) return finish(g, false, 0);
  u32 value = g.real().gpr[d.rm];
  if (number == 6) value = (value & 0xE00F) | 0xFFFF0FF0u;
  if (number == 7) value = (value & ~0xD800u) | 0x400u;
  g.virt.dr[number] = value;
  // Breakpoints work in the real registers; the monitor's own addresses are out of a guest's reach anyway.
  g.real().dr[number] = number == 7 ? value & ~kDr7GeneralDetect : value;
  return Outcome::advance(d.length);
}

Outcome mov_from_dr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  u8 number = d.reg;
  if (!debug_register(g, d.reg, number)) return finish(g, false, 0);
  g.real().gpr[d.rm] = g.virt.dr[number];
  return Outcome::advance(d.length);
}

// ---- the rest

Outcome invlpg(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const LinearAddr address(g.segment(static_cast<Seg>(d.seg)).base + effective_offset(g, d));
  g.paging.invlpg(address);
  if (!g.descriptors.empty()) g.descriptors.remapped([&](LinearAddr a) { return g.translate(a); });
  return Outcome::advance(d.length);
}

Outcome rdmsr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  auto& r = g.real().gpr;
  u64 value;
  if (r[ECX] == msr::kTsc) {
    value = g.host.now();
  } else if (!read_msr(g.host.cpu.config().model, g.virt, r[ECX], value)) {
    notes(g.host.cpu).missing_msr(r[ECX], false);
    return general_protection(g);
  }
  r[EAX] = static_cast<u32>(value);
  r[EDX] = static_cast<u32>(value >> 32);
  return Outcome::advance(d.length);
}

Outcome wrmsr(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  // The real SYSENTER_CS stays 0, so that SYSENTER faults into the monitor.
  const auto& r = g.real().gpr;
  const u64 value = u64{r[EDX]} << 32 | r[EAX];
  if (!write_msr(g.host.cpu.config().model, g.virt, r[ECX], value)) {
    notes(g.host.cpu).missing_msr(r[ECX], true);
    return general_protection(g);
  }
  if (r[ECX] == msr::kApicBase) {
    g.host.machine.set_apic_base(value);
    g.real().apic_base = value;  // which CPUID, executed by the guest itself, reports
  }
  return Outcome::advance(d.length);
}

Outcome rdtsc(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  if (g.virt.cr4 & cr4::TSD && g.cpl() != 0) return general_protection(g);
  const u64 now = g.host.now();
  g.real().gpr[EAX] = static_cast<u32>(now);
  g.real().gpr[EDX] = static_cast<u32>(now >> 32);
  return Outcome::advance(d.length);
}

Outcome wbinvd(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  return Outcome::advance(d.length);
}

}  // namespace emulation
}  // namespace ringside
