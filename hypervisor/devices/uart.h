// The 16550A serial port: the guest's console.
//
// Modelled: both FIFOs with trigger levels, the divisor latch, interrupt identification with its priorities,
// the receive time-out, loopback, modem control and status, the scratch register. OUT2 connects the interrupt
// line, as on every PC. Simplified: the line is fast. What is written leaves at once, so that the line status
// always reads "empty" and a polling guest makes the same accesses in every technique; only the transmit
// interrupt comes a character time later. The typist waits for room in the receiver, and types again what the
// guest clears out of it unread. Manual: National Semiconductor PC16550D data sheet.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

/// Everything the guest has printed, whichever way, in order.
class ConsoleLog {
 public:
  /// A guest that floods its console does not get more of the host's memory than this; what follows is
  /// dropped.
  static constexpr std::size_t kLimit = 16u << 20;
  void put(std::string_view text) {
    text_ += text.substr(0, kLimit - text_.size());
    if (on_line_ && text.find('\n') != text.npos) on_line_();
  }
  void put(u8 byte) {
    if (text_.size() < kLimit) text_ += static_cast<char>(byte);
    if (byte == '\n' && on_line_) on_line_();
  }
  const std::string& text() const { return text_; }
  /// Called whenever a line is complete, on the thread that runs the guest.
  void on_line(std::function<void()> reader) { on_line_ = std::move(reader); }
  void restore(std::size_t size) { text_.resize(size < text_.size() ? size : text_.size()); }

 private:
  std::string text_;
  std::function<void()> on_line_;
};

class Uart final : public Device {
 public:
  static constexpr unsigned kFifoBytes = 16;
  static constexpr u64 kCharacterMicroseconds = 2;

  struct State {
    std::array<u8, kFifoBytes> fifo{};
    u8 fifo_count = 0;
    u8 interrupt_enable = 0, fifo_control = 0, line_control = 0, modem_control = 0, scratch = 0;
    u16 divisor = 12;
    bool overrun = false, timeout = false, transmit_interrupt = false;
    u8 modem_delta = 0;
    u64 transmit_at = kNoDeadline, timeout_at = kNoDeadline;
    std::string typed;        ///< not yet received
    bool spoke_last = false;  ///< the guest's last words came out of here, not out of a ring
    bool operator==(const State&) const = default;
  };

  Uart(const Clock& clock, IrqLine irq, ConsoleLog& log) : clock_(clock), irq_(irq), log_(log) {}

  /// Offsets 0-7. Bytes.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override;
  void advance() override;

  void type(std::string_view text);
  /// For the other way to the same terminal: typed text that the guest has not read yet, at most `bytes`.
  std::string take_typed(std::size_t bytes);
  /// Whether the guest sits at this port or at the other way: where it last printed, it expects an answer.
  bool in_use() const { return state_.spoke_last; }
  void other_way_spoke() { state_.spoke_last = false; }
  /// Typed text that the guest has not read yet.
  bool input_waiting() const { return state_.fifo_count || !state_.typed.empty(); }

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  bool fifo_on() const { return state_.fifo_control & 1; }
  bool loopback() const { return state_.modem_control & 0x10; }
  unsigned capacity() const { return fifo_on() ? kFifoBytes : 1; }
  unsigned trigger() const;
  u8 identify() const;
  u8 modem_status() const;
  void receive(u8 byte);
  void refill();
  u8 take();
  void transmit(u8 byte);
  void set_fifo_control(u8 value);
  void update();

  const Clock& clock_;
  IrqLine irq_;
  ConsoleLog& log_;
  State state_;
};

}  // namespace ringside
