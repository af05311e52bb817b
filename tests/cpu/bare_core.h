// A processor on a bench: memory with descriptor tables at known places, a bus that remembers, and the
// functions of cpu/core.h called one at a time, so that a table row is one call and one expected fault.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "cpu/core.h"
#include "tests/catch.h"

namespace ringside::test {

/// Ports and devices that record what reaches them.
struct BenchBus : Bus {
  struct Access {
    char kind;  ///< 'i', 'o', 'r', 'w'
    u64 address;
    u32 value;
    unsigned size;
  };
  std::vector<Access> log;
  u32 answer = 0xA5A5A5A5;
  u64 tsc = 0;
  u8 vector = 0x20;
  unsigned acknowledged = 0;

  u32 cut(unsigned size) const { return size == 4 ? answer : answer & ((1u << size * 8) - 1); }
  u32 port_in(u16 port, unsigned size) override {
    log.push_back({'i', port, 0, size});
    return cut(size);
  }
  void port_out(u16 port, u32 value, unsigned size) override { log.push_back({'o', port, value, size}); }
  u32 mmio_read(MachinePhys a, unsigned size) override {
    log.push_back({'r', a.value, 0, size});
    return cut(size);
  }
  void mmio_write(MachinePhys a, u32 value, unsigned size) override {
    log.push_back({'w', a.value, value, size});
  }
  u8 acknowledge_interrupt() override {
    acknowledged++;
    return vector;
  }
  u64 read_tsc() override { return tsc; }
};

/// A descriptor from its parts. `access` is byte 5 (P, DPL, S, type), `flags` the high half of byte 6 (G,
/// D/B, 0, AVL).
constexpr u64 descriptor(u32 base, u32 limit, u8 access, u8 flags) {
  return (limit & 0xFFFF) | u64{base & 0xFFFFFF} << 16 | u64{access} << 40 | u64{(limit >> 16) & 15} << 48 |
         u64{flags} << 52 | u64{base >> 24} << 56;
}
constexpr u64 gate(u16 selector, u32 offset, u8 access, u8 count = 0) {
  return (offset & 0xFFFF) | u64{selector} << 16 | u64{count} << 32 | u64{access} << 40 |
         u64{offset >> 16} << 48;
}
constexpr u8 access_byte(u32 dpl, u32 type, bool s = true, bool present = true) {
  return static_cast<u8>(type | s << 4 | dpl << 5 | present << 7);
}

/// What an attempt ended in, printable.
struct Outcome {
  std::string text;
  bool operator==(const Outcome&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Outcome& o) { return out << o.text; }

inline Outcome outcome(const Core& c, bool ok) {
  if (ok) return {"ok"};
  if (c.fault.kind == Fault::Kind::Exit) return {"exit " + std::to_string(c.fault.exit.index())};
  static const char* const names[] = {"DE", "DB", "NMI", "BP", "OF", "BR", "UD", "NM", "DF",
                                      "9",  "TS", "NP",  "SS", "GP", "PF", "15", "MF", "AC"};
  const Event& e = c.fault.event;
  std::string text = "#" + std::string(e.vector < 18 ? names[e.vector] : "?");
  if (e.has_error_code) {
    char code[16];
    std::snprintf(code, sizeof code, "(%X)", e.error_code);
    text += code;
  }
  return {text};
}

/// The fault that names a selector in its error code, spelled as outcome() does.
inline std::string fault(const char* name, u16 selector) {
  char text[16];
  std::snprintf(text, sizeof text, "#%s(%X)", name, selector & ~3u);
  return text;
}

/// Flat 32-bit protected mode, CPL 0. GDT: 08/10 code and data of ring 0, 19/21, 2A/32, 3B/43 those of rings
/// 1-3.
class BareCore {
 public:
  static constexpr u32 kGdt = 0x1000, kLdt = 0x2000, kIdt = 0x3000, kTss = 0x4000, kTss2 = 0x5000,
                       kStack = 0x8000;
  static constexpr u16 kTssSelector = 0x48, kLdtSelector = 0x50;
  static constexpr u16 kFree = 0x80;  ///< the first GDT entry that tests may use

  explicit BareCore(CpuConfig config = {}, u64 bytes = 16 << 20)
      : memory(bytes), cpu(memory, bus, config), c(cpu.core()) {
    for (u32 ring = 0; ring < 4; ring++) {
      set_gdt(code_selector(ring), descriptor(0, 0xFFFFF, access_byte(ring, 0xB), 0xC));
      set_gdt(data_selector(ring), descriptor(0, 0xFFFFF, access_byte(ring, 0x3), 0xC));
    }
    set_gdt(kTssSelector, descriptor(kTss, 0xFFF, access_byte(0, 0xB, false), 0));
    set_gdt(kLdtSelector, descriptor(kLdt, 0xFFF, access_byte(0, 0x2, false), 0));
    for (u32 ring = 0; ring < 3; ring++) {
      put<u32>(kTss + 4 + ring * 8, stack_top(ring));
      put<u16>(kTss + 8 + ring * 8, data_selector(ring));
    }
    CpuState& s = c.s;
    s.cr0 = cr0::PE | cr0::ET;
    s.gdtr = {kGdt, 0xFFF};
    s.idtr = {kIdt, 0x7FF};
    s.ldtr = {kLdtSelector, 0x82, kLdt, 0xFFF};
    s.tr = {kTssSelector, 0x8B, kTss, 0xFFF};
    s.eip = 0x100000;
    s.eflags = eflags::kFixedOne | eflags::IF;
    set_ring(0);
  }

  static constexpr u16 code_selector(u32 ring) { return static_cast<u16>((8 + ring * 16) | ring); }
  static constexpr u16 data_selector(u32 ring) { return static_cast<u16>((16 + ring * 16) | ring); }
  static constexpr u32 stack_top(u32 ring) { return kStack + 0x1000 * ring; }

  void set_ring(u32 ring) {
    CpuState& s = c.s;
    const u32 dpl = ring << 5;
    s.seg[CS] = {code_selector(ring), 0xC09B | dpl, 0, 0xFFFFFFFF};
    for (Seg seg : {ES, SS, DS, FS, GS}) s.seg[seg] = {data_selector(ring), 0xC093 | dpl, 0, 0xFFFFFFFF};
    s.gpr[ESP] = stack_top(ring);
  }
  /// Virtual-8086 mode at 2000:0100, stack at 3000:8000.
  void set_v86(u32 iopl) {
    CpuState& s = c.s;
    s.eflags |= eflags::VM | iopl << 12;
    for (Seg seg : {ES, CS, SS, DS, FS, GS}) s.seg[seg] = {0x2000, 0xF3, 0x20000, 0xFFFF};
    s.seg[SS] = {0x3000, 0xF3, 0x30000, 0xFFFF};
    s.eip = 0x100;
    s.gpr[ESP] = 0x8000;
  }

  template <class T>
  void put(u32 at, T value) {
    std::memcpy(memory.data() + at, &value, sizeof value);
  }
  template <class T>
  T get(u32 at) const {
    T value;
    std::memcpy(&value, memory.data() + at, sizeof value);
    return value;
  }
  void set_gdt(u16 selector, u64 d) { put(kGdt + (selector & ~7u), d); }
  void set_ldt(u16 selector, u64 d) { put(kLdt + (selector & ~7u), d); }
  void set_idt(u8 vector, u64 d) { put(kIdt + vector * 8u, d); }
  void push(u32 value) {
    c.s.gpr[ESP] -= 4;
    put(c.s.seg[SS].base + c.s.gpr[ESP], value);
  }

  MachineMemory memory;
  BenchBus bus;
  Cpu cpu;
  Core& c;
};

}  // namespace ringside::test
