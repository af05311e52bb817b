#include "hypervisor/trap/silent_difference.h"

#include <fmt/format.h>

#include "cpu/decode.h"
#include "hypervisor/text/disassemble.h"
#include "hypervisor/trap/operands.h"

namespace ringside {
namespace {

/// Guest memory, without faults and without being charged for it; less than `bytes` where it ends.
u32 peek(const TrapGuest& g, LinearAddr at, u8* to, u32 bytes) {
  for (u32 i = 0; i < bytes; ++i) {
    const auto physical = g.translate(at + i);
    const u8* from = physical ? g.host.machine.ram().at(*physical, 1) : nullptr;
    if (!from) return i;
    to[i] = *from;
  }
  return bytes;
}

template <class T>
std::optional<T> peek(const TrapGuest& g, LinearAddr at) {
  T value;
  u8 bytes[sizeof(T)];
  if (peek(g, at, bytes, sizeof bytes) != sizeof bytes) return std::nullopt;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

const char* on_off(u32 flag) { return flag ? "on" : "off"; }

/// What POPF and IRET drop of `image`.
std::string dropped(TrapGuest& g, u32 image) {
  const u32 guest = g.flags(), changed = image ^ guest;
  if (changed & eflags::IF && g.cpl() <= g.iopl())
    return fmt::format(
        "the guest turns interrupts {} with it (EFLAGS {:08X}), and nobody is told: its monitor goes on "
        "believing that they are {}",
        on_off(image & eflags::IF), image, on_off(guest & eflags::IF));
  if (changed & eflags::IOPL && g.cpl() == 0)
    return fmt::format("the guest sets IOPL to {} with it, and IOPL stays {}", image >> 12 & 3,
                       guest >> 12 & 3);
  return {};
}

std::string shown(const char* what, u32 real, u32 right, int digits) {
  return real == right
             ? std::string()
             : fmt::format("it shows {0} {1:0{3}X}, and on bare metal {2:0{3}X}", what, real, right, digits);
}

std::string shown(const char* what, const TableRegister& real, const TableRegister& right) {
  if (real == right) return {};
  return fmt::format(
      "it shows the monitor's {} at {:08X}, limit {:04X}, and on bare metal the guest's at {:08X}, "
      "limit {:04X}",
      what, real.base, real.limit, right.base, right.limit);
}

/// LAR, LSL, VERR, VERW: the processor looks into the monitor's table.
std::string other_descriptor(TrapGuest& g, const Decoded& d, bool limit, bool rights) {
  std::optional<u16> selector;
  if (d.memory)
    selector =
        peek<u16>(g, LinearAddr(g.segment(static_cast<Seg>(d.seg)).base + emulation::effective_offset(g, d)));
  else
    selector = static_cast<u16>(g.real().gpr[d.rm]);
  if (!selector || !(*selector & ~3u)) return {};
  const bool local = *selector & 4;
  const u32 index = *selector >> 3, base = local ? g.virt.ldtr.base : g.virt.gdtr.base;
  const u32 table_limit = local ? g.virt.ldtr.limit : g.virt.gdtr.limit;
  const auto words = peek<std::array<u32, 2>>(g, LinearAddr(base + index * 8));
  if (!words || index * 8 + 7 > table_limit) return {};
  const Descriptor right{(*words)[0], (*words)[1]}, real = local ? g.area.ldt(index) : g.area.gdt(index);
  if (!real.present() && right.present())
    return fmt::format("it finds no descriptor {:04X}: the monitor's table does not have it yet", *selector);
  if (limit) return shown("a limit of", real.limit(), right.limit(), 8);
  constexpr u32 kRights = 0x00F0FF00;
  return rights ? shown("access rights", real.high & kRights, right.high & kRights, 8) : std::string();
}

std::string difference(TrapGuest& g, const Decoded& d, u16 opcode, u8 reg) {
  const CpuState& real = g.real();
  const auto stack_word = [&](u32 word) {
    const u32 size = d.operand32 ? 4 : 2, esp = real.gpr[ESP] & (g.stack32() ? ~u32{0} : 0xFFFF);
    const LinearAddr at(real.seg[SS].base + esp + word * size);
    return d.operand32 ? peek<u32>(g, at) : std::optional<u32>(peek<u16>(g, at));
  };
  switch (opcode) {
    case 0x9C: {
      constexpr u32 kShown = eflags::IF | eflags::IOPL;
      const u32 right = g.flags();
      if (!((real.eflags ^ right) & kShown)) return {};
      return fmt::format("it pushes EFLAGS {:08X} with interrupts {}, and on bare metal {:08X} with them {}",
                         real.eflags, on_off(real.eflags & eflags::IF), right, on_off(right & eflags::IF));
    }
    case 0x9D:
    case 0xCF: {
      const auto image = stack_word(opcode == 0xCF ? 2 : 0);
      if (!image) return {};
      return dropped(g, d.operand32 ? *image : (g.flags() & 0xFFFF0000u) | *image);
    }
    case 0x0F01:
      if (reg == 0) return shown("GDT", real.gdtr, g.virt.gdtr);
      if (reg == 1) return shown("IDT", real.idtr, g.virt.idtr);
      return shown("CR0", real.cr0 & 0xFFFF, g.virt.cr0 & 0xFFFF, 4);
    case 0x0F00:
      if (reg == 0) return shown("an LDT selector of", real.ldtr.selector, g.virt.ldtr.selector, 4);
      if (reg == 1) return shown("a task selector of", real.tr.selector, g.virt.tr.selector, 4);
      return other_descriptor(g, d, false, false);
    case 0x0F02: return other_descriptor(g, d, false, true);
    case 0x0F03: return other_descriptor(g, d, true, false);
    default: {  // MOV from and PUSH of CS or SS
      const Seg seg = opcode == 0x0E ? CS : opcode == 0x16 ? SS : static_cast<Seg>(reg);
      return shown(seg == CS ? "CS" : "SS", real.seg[seg].selector, g.selector(seg), 4);
    }
  }
}

}  // namespace

std::optional<SilentDifference> silent_difference(TrapGuest& g, u16 opcode, u8 reg) {
  const SegmentRegister& cs = g.real().seg[CS];
  const u32 eip = g.real().eip;
  u8 bytes[kMaxInstructionLength];
  const u32 n = peek(g, LinearAddr(cs.base + eip), bytes, sizeof bytes);
  Decoded d;
  if (decode(bytes, n, cs.big(), g.host.cpu.config().model, d) != DecodeStatus::Ok) return std::nullopt;
  const std::string what = difference(g, d, opcode, reg);
  if (what.empty()) return std::nullopt;
  return SilentDifference{eip, g.host.cpu.retired(), disassemble({bytes, n}, eip, cs.big()), what};
}

}  // namespace ringside
