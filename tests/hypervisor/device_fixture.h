// A machine on a clock that a test moves by hand.
#pragma once

#include <memory>

#include "hypervisor/machine_layout.h"

namespace ringside {

struct ManualClock final : Clock {
  u64 cycles = 0, rate = 1'000'000'000;
  u64 now() const override { return cycles; }
  u64 hz() const override { return rate; }
};

struct TestMachine {
  explicit TestMachine(MachineConfig config = {}, u64 ram_bytes = 4u << 20)
      : memory(ram_bytes),
        machine(GuestMemory(memory, MachinePhys(0), ram_bytes), std::move(config), clock) {}

  u8 in(u16 port) { return static_cast<u8>(machine.port_in(port, 1)); }
  void out(u16 port, u32 value) { machine.port_out(port, value, 1); }
  Machine::Devices& devices() { return machine.devices(); }
  /// Lets time pass as the run loop does: from deadline to deadline.
  void wait(u64 cycles) {
    const u64 end = clock.cycles + cycles;
    while (machine.next_deadline() <= end) {
      if (machine.next_deadline() > clock.cycles) clock.cycles = machine.next_deadline();
      machine.advance();
    }
    clock.cycles = end;
  }
  void wait_microseconds(u64 n) { wait(microseconds(n, clock.hz())); }
  /// The usual initialisation: vectors 20h and 28h, everything unmasked.
  void start_interrupt_controllers(u8 icw4 = 1) {
    for (u16 port : {u16{0x20}, u16{0xA0}}) {
      out(port, 0x11);
      out(port + 1, port == 0x20 ? 0x20 : 0x28);
      out(port + 1, port == 0x20 ? 4 : 2);
      out(port + 1, icw4);
      out(port + 1, 0);
    }
  }

  ManualClock clock;
  MachineMemory memory;
  Machine machine;
};

}  // namespace ringside
