// The 8042 keyboard controller with an AT keyboard on it.
//
// Modelled: status, command byte, self and interface tests, output port with the A20 gate and the reset
// pulse, typed scancodes through IRQ 1, and the keyboard's own commands (reset, identify, LEDs, rate,
// scancode set, echo, resend). Simplified: scancodes are of set 1, as translation delivers them, whatever set
// is chosen; no mouse.
// Manual: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
#pragma once

#include <array>

#include "hypervisor/devices/a20_gate.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

class Keyboard final : public Device {
 public:
  static constexpr unsigned kQueueBytes = 32;

  struct State {
    std::array<u8, kQueueBytes> queue{};
    u8 queued = 0;
    u8 command_byte = 0x45;  ///< translation, system flag, interrupt on
    u8 output_port = 0xDF;   ///< bit 0 reset line (1 = not); bit 1, A20, is the gate's
    u8 pending_command = 0;  ///< controller command that waits for its data byte
    u8 device_command = 0;   ///< keyboard command that waits for its data byte
    u8 leds = 0, last_sent = 0;
    bool scanning = true, last_was_command = false;
    bool reset_requested = false;
    bool operator==(const State&) const = default;
  };

  Keyboard(IrqLine irq, A20Gate& a20) : irq_(irq), a20_(a20) {}

  /// Offset 0: data (port 60h), 4: status and command (port 64h). Bytes.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  void press(u8 scancode);
  /// The guest pulsed the processor's reset line.
  bool reset_requested() const { return state_.reset_requested; }

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  void enqueue(u8 byte);
  void respond(u8 byte);
  void command(u8 value);
  void data(u8 value);
  void device(u8 value);
  void set_output_port(u8 value);
  u8 output_port() const;
  void raise();

  IrqLine irq_;
  A20Gate& a20_;
  State state_;
};

}  // namespace ringside
