// The MC146818 real-time clock and its battery-backed memory.
//
// Modelled: date and time in BCD or binary, 12 and 24 hours, SET, update-in-progress, alarm, periodic and
// update interrupts on IRQ 8, the bytes in which a PC's firmware reports memory sizes, 128 bytes of memory.
// Simplified: the date at power-on is always the same, Monday 1 January 2024, 00:00:00, and goes with
// simulated time; no daylight saving. Setting a field takes effect at once even while SET is off. Manual:
// Motorola MC146818A data sheet; for the memory sizes IBM PC AT Technical Reference, "Real-time clock/CMOS
// RAM".
#pragma once

#include <array>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

class Cmos final : public Device {
 public:
  static constexpr u64 kPowerOnTime = 1704067200;  ///< seconds since 1970

  struct State {
    std::array<u8, 128> memory{};
    u8 index = 0;
    bool nmi_masked = false;
    i64 offset = 0;  ///< seconds between the guest's clock and kPowerOnTime + simulated time
    i64 frozen = 0;  ///< the time shown while SET is on
    u64 seen = 0;    ///< cycle up to which periodic, alarm and update events have been taken
    bool operator==(const State&) const = default;
  };
  struct Date {
    int year, month, day, weekday, hour, minute, second;
  };  ///< weekday 1 = Sunday

  Cmos(const Clock& clock, IrqLine irq, u64 ram_bytes);

  /// Offset 0: index, 1: data. Bytes.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override { return deadline_; }
  void advance() override;

  Date date() const;
  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  i64 seconds() const;  ///< since 1970, as the guest's clock shows
  u8 read_register(u8 index);
  void write_register(u8 index, u8 value);
  u8 encode(int value) const;
  int decode(u8 value) const;
  u64 periodic_hz() const;
  bool alarm_between(u64 first_second, u64 last_second) const;
  void take_events();
  void update();

  const Clock& clock_;
  IrqLine irq_;
  State state_;
  u64 deadline_ = kNoDeadline;
};

}  // namespace ringside
