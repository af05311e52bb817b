// The 8254 programmable interval timer. Channel 0 drives IRQ 0, channel 1 nothing any more, channel 2 the
// speaker.
//
// Modelled: the six modes, binary and BCD counts, low/high/both bytes, counter latch and read-back, gates,
// reloading in mid-count. A channel is a function of the ticks since its count was loaded: nothing happens
// between two accesses but the edges of channel 0, and these fall on the exact cycle (128-bit arithmetic, no
// drift). Simplified: a new count in mode 3 waits for the end of the whole period rather than of its half;
// the interrupt controller sees channel 0's rising edges, not how long the output stays low between them.
// Manual: Intel 82C54 data sheet (order 231244).
#pragma once

#include <array>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

class Pit final : public Device {
 public:
  static constexpr u64 kHz = 1193182;

  struct Channel {
    u8 mode = 0, access = 3;  ///< access: 1 low byte, 2 high byte, 3 both
    bool bcd = false, gate = true;
    bool loaded = false;                          ///< a count has been written since the control word
    bool armed = false;                           ///< counting runs: loaded, and triggered in modes 1 and 5
    bool low_written = false, high_next = false;  ///< flip-flops of writing and reading
    u8 low_byte = 0;
    u16 written = 0;      ///< the count register
    u32 period = 0;       ///< the count in force, 1..65536
    u64 start = 0;        ///< tick at which it was loaded into the counting element
    u64 frozen = 0;       ///< ticks counted when the gate went low (modes 0, 4)
    bool reload = false;  ///< `written` comes into force at `reload_at` (modes 2, 3)
    u64 reload_at = 0;
    bool count_latched = false, status_latched = false;
    u16 latched_count = 0;
    u8 latched_status = 0;
    bool operator==(const Channel&) const = default;

    bool output(u64 tick) const;
    u16 count(u64 tick) const;
    /// The first rising edge of the output after `tick`; kNoDeadline if there is none to come.
    u64 rising_edge_after(u64 tick) const;
  };
  struct State {
    std::array<Channel, 3> channel;
    u64 seen = 0;  ///< tick up to which channel 0's edges have been delivered
    bool operator==(const State&) const = default;
  };

  Pit(const Clock& clock, IrqLine irq) : clock_(clock), irq_(irq) {}

  /// Offsets 0-2: counters, 3: control word. Bytes.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override { return deadline_; }
  void advance() override;

  void set_gate(unsigned channel, bool level);
  void set_gate_at_power_on(unsigned channel, bool level) { state_.channel[channel].gate = level; }
  bool output(unsigned channel);

  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  u64 tick() const { return ticks_at(clock_.now(), kHz, clock_.hz()); }
  void settle(Channel&, u64 tick);
  void control(u8 value, u64 tick);
  void write_count(Channel&, u8 byte, u64 tick);
  void load(Channel&, u64 tick);
  u8 read_count(Channel&, u64 tick);
  void latch(Channel&, bool count, bool status, u64 tick);
  void deliver_edges(u64 tick);
  void reschedule();

  const Clock& clock_;
  IrqLine irq_;
  State state_;
  u64 deadline_ = kNoDeadline;
};

}  // namespace ringside
