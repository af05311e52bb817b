// A processor with some RAM and a bus that remembers: what most tests of cpu/ run on.
#pragma once

#include <functional>
#include <vector>

#include "cpu/core.h"

namespace ringside::test {

struct RecordingBus : Bus {
  struct Access {
    u32 address;
    u32 value;
    unsigned size;
    bool operator==(const Access&) const = default;
  };
  std::vector<Access> writes;
  std::function<u32(u16, unsigned)> on_in = [](u16, unsigned) { return 0xFFFFFFFFu; };
  std::function<void(u16, u32, unsigned)> on_out = [](u16, u32, unsigned) {};
  u8 interrupt_vector = 0x20;
  std::function<void()> on_acknowledge = [] {};

  u32 port_in(u16 port, unsigned size) override { return on_in(port, size); }
  void port_out(u16 port, u32 value, unsigned size) override {
    writes.push_back({port, value, size});
    on_out(port, value, size);
  }
  u32 mmio_read(MachinePhys, unsigned) override { return 0xFFFFFFFFu; }
  void mmio_write(MachinePhys a, u32 value, unsigned size) override {
    writes.push_back({static_cast<u32>(a.value), value, size});
    on_out(0, value, size);
  }
  u8 acknowledge_interrupt() override {
    on_acknowledge();
    return interrupt_vector;
  }
  u64 read_tsc() override { return 0; }
};

struct SmallMachine {
  static constexpr u32 kCode = 0x1000, kStack = 0x8000;

  MachineMemory memory;
  RecordingBus bus;
  Cpu cpu;

  explicit SmallMachine(CpuConfig config = {}, u64 bytes = 1 << 20)
      : memory(bytes), cpu(memory, bus, config) {
    cpu.state() = flat_protected_state(kCode);
    cpu.state().gpr[ESP] = kStack;
  }
  u32& reg(Gpr r) { return cpu.state().gpr[r]; }
  void poke(u32 address, std::vector<u8> bytes) {
    std::copy(bytes.begin(), bytes.end(), memory.data() + address);
    cpu.memory_written(MachinePhys(address), bytes.size());
  }
  void poke32(u32 address, u32 v) {
    poke(address,
         {static_cast<u8>(v), static_cast<u8>(v >> 8), static_cast<u8>(v >> 16), static_cast<u8>(v >> 24)});
  }
  u32 peek32(u32 address) const {
    u32 v;
    std::copy_n(memory.data() + address, 4, reinterpret_cast<u8*>(&v));
    return v;
  }
  void code(std::vector<u8> bytes) { poke(kCode, std::move(bytes)); }
  template <class Exit>
  bool runs_to(u64 budget) {
    return std::holds_alternative<Exit>(cpu.run(budget));
  }
};

}  // namespace ringside::test
