#include "hypervisor/para/frames.h"

#include <fmt/format.h>

#include <array>

namespace ringside::para {
namespace {

/// What a guest may set in EFLAGS; IF is virtual, IOPL stays 0.
constexpr u32 kGuestFlags =
    eflags::kArithmetic | eflags::TF | eflags::DF | eflags::RF | eflags::AC | eflags::ID;

bool is_data(const Descriptor& d, u32 dpl) {
  return d.present() && d.s() && !(d.access() & access_rights::kCode) &&
         (d.access() & access_rights::kWritableOrReadable) && d.dpl() == dpl;
}

bool is_code(const Descriptor& d, u32 dpl) {
  return d.present() && d.s() && (d.access() & access_rights::kCode) && d.dpl() == dpl;
}

/// Whether `bytes` from `esp` up lie within a 32-bit stack segment.
bool within(const SegmentRegister& ss, u32 esp, u32 bytes) {
  return (ss.access & access_rights::kBig) && u64{esp} + bytes <= u64{ss.limit} + 1;
}

}  // namespace

std::string push_frame(GuestContext g, const TrapHandler& handler, std::optional<u32> error_code,
                       bool virtual_if) {
  CpuState& s = g.cpu;
  const auto code = g.tables.find(handler.cs);
  if (!code || !is_code(*code, 1))
    return fmt::format("its handler's CS {:04X}h is no ring-1 code segment", handler.cs);

  const bool inward = s.cpl() > 1;
  SegmentRegister ss = s.seg[SS];
  u32 esp = s.gpr[ESP];
  if (inward) {
    const u16 selector = static_cast<u16>((g.tables.ring1_ss() & ~3) | 1);
    const auto stack = g.tables.find(selector);
    if (!stack || !is_data(*stack, 1))
      return fmt::format("its ring-1 SS {:04X}h is no ring-1 data segment", selector);
    ss = loaded(selector, *stack);
    esp = g.tables.ring1_esp();
  }

  std::array<u32, 6> words;  // as they lie in memory, lowest first
  u32 count = 0;
  if (error_code) words[count++] = *error_code;
  words[count++] = s.eip;
  words[count++] = s.seg[CS].selector;
  words[count++] = (s.eflags & ~eflags::IF) | (virtual_if ? eflags::IF : 0);
  if (inward) {
    words[count++] = s.gpr[ESP];
    words[count++] = s.seg[SS].selector;
  }
  const u32 bytes = count * 4, top = esp - bytes;
  if (!within(ss, top, bytes) || !g.memory.write(LinearAddr(ss.base + top), words.data(), bytes))
    return fmt::format("its ring-1 stack at {:04X}:{:08X} is not writable", ss.selector, esp);

  s.seg[CS] = loaded(static_cast<u16>((handler.cs & ~3) | 1), *code);
  s.eip = handler.eip;
  s.seg[SS] = ss;
  s.gpr[ESP] = top;
  s.eflags &= ~(eflags::TF | eflags::NT | eflags::RF | eflags::VM);
  s.eflags |= eflags::IF;
  return {};
}

std::string pop_frame(GuestContext g, bool& virtual_if) {
  CpuState& s = g.cpu;
  struct Inner {
    u32 eax, eip, cs, eflags;
  } frame;
  struct Outer {
    u32 esp, ss;
  } outer;
  const u32 at = s.gpr[ESP];
  const u32 base = s.seg[SS].base;
  auto pop = [&](u32 offset, auto& to) {
    return within(s.seg[SS], at + offset, sizeof to) &&
           g.memory.read(LinearAddr(base + at + offset), &to, sizeof to);
  };
  if (!pop(0, frame)) return fmt::format("IRET from an unreadable stack at {:08X}", at);

  const u16 cs = static_cast<u16>(frame.cs);
  const u32 ring = cs & 3;
  const auto code = g.tables.find(cs);
  if (ring == 0 || !code || !is_code(*code, ring))
    return fmt::format("IRET to CS {:04X}h, which is no such code", cs);
  if (frame.eip > code->limit()) return fmt::format("IRET to {:08X}, beyond its code segment", frame.eip);

  u32 esp = at + sizeof frame;
  SegmentRegister ss = s.seg[SS];
  if (ring > 1) {
    if (!pop(sizeof frame, outer)) return fmt::format("IRET from an unreadable stack at {:08X}", at);
    const u16 selector = static_cast<u16>(outer.ss);
    const auto stack = g.tables.find(selector);
    if ((selector & 3u) != ring || !stack || !is_data(*stack, ring))
      return fmt::format("IRET to SS {:04X}h, which is no such stack", selector);
    ss = loaded(selector, *stack);
    esp = outer.esp;
    for (Seg seg : {ES, DS, FS, GS})
      if (s.seg[seg].usable() && s.seg[seg].dpl() < ring) s.seg[seg] = {};
  }
  s.gpr[EAX] = frame.eax;
  s.eip = frame.eip;
  s.seg[CS] = loaded(cs, *code);
  s.seg[SS] = ss;
  s.gpr[ESP] = esp;
  s.eflags = (frame.eflags & kGuestFlags) | eflags::kFixedOne | eflags::IF;
  virtual_if = frame.eflags & eflags::IF;
  return {};
}

}  // namespace ringside::para
