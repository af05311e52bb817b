// The ports that are hardly devices: console and exit of the emulators, POST codes, the system control ports.
//
// Manual: Bochs user manual, "port_e9_hack"; QEMU's isa-debug-exit; IBM PC AT Technical Reference for 61h,
// 80h, 92h, F0h.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "hypervisor/devices/a20_gate.h"
#include "hypervisor/devices/pit.h"
#include "hypervisor/devices/uart.h"

namespace ringside {

/// Port E9h: a byte written appears on the console; reading E9h back tells the guest that somebody listens.
class DebugConsole final : public Device {
 public:
  explicit DebugConsole(ConsoleLog& log) : log_(log) {}
  u32 read(u32, unsigned) override { return 0xE9; }
  void write(u32, u32 value, unsigned) override { log_.put(static_cast<u8>(value)); }

 private:
  ConsoleLog& log_;
};

/// Port F4h: the guest ends the run. The first value written counts.
class ExitPort final : public Device {
 public:
  u32 read(u32, unsigned size) override { return ~u32{0} >> (32 - 8 * size); }
  void write(u32, u32 value, unsigned) override {
    if (!code_) code_ = static_cast<u8>(value);
  }
  std::optional<u8> code() const { return code_; }
  void restore(std::optional<u8> code) { code_ = code; }

 private:
  std::optional<u8> code_;
};

/// Ports 80h-8Fh: the POST code and the DMA page registers, which old kernels use as delay or scratch. Plain
/// latches.
class PostPorts final : public Device {
 public:
  using State = std::array<u8, 16>;
  u32 read(u32 offset, unsigned) override { return state_[offset]; }
  void write(u32 offset, u32 value, unsigned) override { state_[offset] = static_cast<u8>(value); }
  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  State state_{};
};

/// Port 61h: the speaker's gate and switch, and what channel 2 and the refresh signal are doing.
class SpeakerPort final : public Device {
 public:
  SpeakerPort(const Clock& clock, Pit& pit) : clock_(clock), pit_(pit) {
    pit_.set_gate_at_power_on(2, false);
  }
  u32 read(u32, unsigned) override {
    const bool refresh = ticks_at(clock_.now(), kRefreshHz, clock_.hz()) & 1;
    return state_ | (refresh ? 0x10u : 0) | (pit_.output(2) ? 0x20u : 0);
  }
  void write(u32, u32 value, unsigned) override {
    state_ = value & 0x0F;
    pit_.set_gate(2, value & 1);
  }
  u8 state() const { return state_; }
  void restore(u8 state) { state_ = state; }

 private:
  static constexpr u64 kRefreshHz = 66287;  ///< DRAM refresh: a request every 15.1 microseconds
  const Clock& clock_;
  Pit& pit_;
  u8 state_ = 0;
};

/// Port F0h: an x87 error reaches the PC as IRQ 13 where the processor does not report it itself (CR0.NE =
/// 0). A write takes the request back and lets the processor go on (IGNNE#).
class CoprocessorError final : public Device {
 public:
  static constexpr u8 kIrq = 13;
  explicit CoprocessorError(IrqLine irq) : irq_(irq) {}
  u32 read(u32, unsigned) override { return 0xFF; }
  void write(u32, u32, unsigned) override {
    irq_.set(false);
    if (ignore) ignore();
  }
  void raise() { irq_.set(true); }  ///< FERR#

  std::function<void()> ignore;  ///< the wire to the processor's IGNNE#

 private:
  IrqLine irq_;
};

/// Port 92h: the A20 gate and the fast reset.
class SystemControl final : public Device {
 public:
  struct State {
    u8 value = 0;  ///< but for A20
    bool reset_requested = false;
    bool operator==(const State&) const = default;
  };
  explicit SystemControl(A20Gate& a20) : a20_(a20) {}
  u32 read(u32, unsigned) override { return state_.value | (a20_.on() ? kA20 : 0u); }
  void write(u32, u32 value, unsigned) override {
    if (value & kReset) state_.reset_requested = true;
    state_.value = value & ~u32{kReset | kA20} & 0xFF;
    a20_.set(value & kA20);
  }
  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  static constexpr u8 kReset = 1, kA20 = 2;
  A20Gate& a20_;
  State state_;
};

}  // namespace ringside
