#include "hypervisor/devices/uart.h"

#include <algorithm>

namespace ringside {
namespace {

enum Register : u32 {
  kData,
  kInterruptEnable,
  kInterruptId,
  kLineControl,
  kModemControl,
  kLineStatus,
  kModemStatus,
  kScratch
};
enum : u8 { kEnableReceive = 1, kEnableTransmit = 2, kEnableLine = 4, kEnableModem = 8 };
enum : u8 { kIdNone = 1, kIdModem = 0, kIdTransmit = 2, kIdReceive = 4, kIdLine = 6, kIdTimeout = 12 };
enum : u8 { kDataReady = 1, kOverrun = 2, kHoldingEmpty = 0x20, kTransmitterEmpty = 0x40 };
constexpr u8 kDivisorLatch = 0x80, kOut2 = 8, kConnected = 0xB0;  // CTS, DSR, DCD

}  // namespace

unsigned Uart::trigger() const {
  static constexpr u8 kLevels[4] = {1, 4, 8, 14};
  return fifo_on() ? kLevels[state_.fifo_control >> 6] : 1;
}

u8 Uart::identify() const {
  const u8 enabled = state_.interrupt_enable;
  if ((enabled & kEnableLine) && state_.overrun) return kIdLine;
  if ((enabled & kEnableReceive) && state_.fifo_count >= trigger()) return kIdReceive;
  if ((enabled & kEnableReceive) && state_.timeout) return kIdTimeout;
  if ((enabled & kEnableTransmit) && state_.transmit_interrupt) return kIdTransmit;
  if ((enabled & kEnableModem) && state_.modem_delta) return kIdModem;
  return kIdNone;
}

u8 Uart::modem_status() const {
  if (!loopback()) return kConnected;
  // The outputs come back as inputs: RTS as CTS, DTR as DSR, OUT1 as RI, OUT2 as DCD.
  const u8 m = state_.modem_control;
  return static_cast<u8>((m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 | (m & 8) << 4);
}

void Uart::update() {
  refill();
  const bool connected = (state_.modem_control & kOut2) && !loopback();
  irq_.set(connected && identify() != kIdNone);
}

void Uart::receive(u8 byte) {
  if (state_.fifo_count >= capacity()) {
    state_.overrun = true;
    if (!fifo_on()) state_.fifo[0] = byte;
    return;
  }
  state_.fifo[state_.fifo_count++] = byte;
  if (fifo_on()) state_.timeout_at = clock_.now() + microseconds(4 * kCharacterMicroseconds, clock_.hz());
}

void Uart::refill() {
  if (loopback() || state_.typed.empty()) return;
  const std::size_t n = std::min<std::size_t>(capacity() - std::min<unsigned>(capacity(), state_.fifo_count),
                                              state_.typed.size());
  for (std::size_t i = 0; i < n; ++i) receive(static_cast<u8>(state_.typed[i]));
  state_.typed.erase(0, n);
}

u8 Uart::take() {
  if (!state_.fifo_count) return 0;
  const u8 byte = state_.fifo[0];
  std::copy(state_.fifo.begin() + 1, state_.fifo.end(), state_.fifo.begin());
  --state_.fifo_count;
  state_.timeout = false;
  state_.timeout_at = fifo_on() && state_.fifo_count
                          ? clock_.now() + microseconds(4 * kCharacterMicroseconds, clock_.hz())
                          : kNoDeadline;
  return byte;
}

void Uart::transmit(u8 byte) {
  if (loopback()) {
    receive(byte);
  } else {
    log_.put(byte);
    state_.spoke_last = true;
  }
  state_.transmit_interrupt = false;
  state_.transmit_at = clock_.now() + microseconds(kCharacterMicroseconds, clock_.hz());
}

void Uart::set_fifo_control(u8 value) {
  const bool switched = (value ^ state_.fifo_control) & 1;
  if ((value & 2) || switched) {
    if (!loopback())
      state_.typed.insert(0, reinterpret_cast<const char*>(state_.fifo.data()), state_.fifo_count);
    state_.fifo_count = 0;
    state_.timeout = false;
    state_.timeout_at = kNoDeadline;
  }
  state_.fifo_control = value & 1 ? value & 0xC9 : 0;
}

u32 Uart::read(u32 offset, unsigned) {
  u8 value = 0;
  switch (offset) {
    case kData: value = state_.line_control & kDivisorLatch ? static_cast<u8>(state_.divisor) : take(); break;
    case kInterruptEnable:
      value = state_.line_control & kDivisorLatch ? static_cast<u8>(state_.divisor >> 8)
                                                  : state_.interrupt_enable;
      break;
    case kInterruptId:
      value = identify();
      if (value == kIdTransmit) state_.transmit_interrupt = false;
      if (fifo_on()) value |= 0xC0;
      break;
    case kLineControl: value = state_.line_control; break;
    case kModemControl: value = state_.modem_control; break;
    case kLineStatus:
      value = static_cast<u8>(kHoldingEmpty | kTransmitterEmpty | (state_.fifo_count ? kDataReady : 0) |
                              (state_.overrun ? kOverrun : 0));
      state_.overrun = false;
      break;
    case kModemStatus:
      value = modem_status() | state_.modem_delta;
      state_.modem_delta = 0;
      break;
    case kScratch: value = state_.scratch; break;
  }
  update();
  return value;
}

void Uart::write(u32 offset, u32 wide, unsigned) {
  const u8 value = static_cast<u8>(wide);
  switch (offset) {
    case kData:
      if (state_.line_control & kDivisorLatch)
        state_.divisor = (state_.divisor & 0xFF00) | value;
      else
        transmit(value);
      break;
    case kInterruptEnable:
      if (state_.line_control & kDivisorLatch) {
        state_.divisor = static_cast<u16>((state_.divisor & 0xFF) | value << 8);
      } else {
        // Enabling the transmit interrupt while the holding register is empty raises it.
        if ((value & ~state_.interrupt_enable & kEnableTransmit) && state_.transmit_at == kNoDeadline)
          state_.transmit_interrupt = true;
        state_.interrupt_enable = value & 15;
      }
      break;
    case kInterruptId: set_fifo_control(value); break;
    case kLineControl: state_.line_control = value; break;
    case kModemControl: {
      const u8 before = modem_status();
      state_.modem_control = value & 0x1F;
      const u8 after = modem_status();
      // Delta bits: a change of CTS, DSR, DCD; for RI the trailing edge.
      state_.modem_delta |=
          static_cast<u8>(((before ^ after) & kConnected) >> 4 | (before & ~after & 0x40) >> 4);
      break;
    }
    case kScratch: state_.scratch = value; break;
    default: break;  // the status registers are read-only
  }
  update();
}

u64 Uart::deadline() const {
  return std::min(state_.interrupt_enable & kEnableTransmit ? state_.transmit_at : kNoDeadline,
                  state_.interrupt_enable & kEnableReceive ? state_.timeout_at : kNoDeadline);
}

void Uart::advance() {
  const u64 now = clock_.now();
  if (state_.transmit_at <= now) {
    state_.transmit_at = kNoDeadline;
    state_.transmit_interrupt = true;
  }
  if (state_.timeout_at <= now) {
    state_.timeout_at = kNoDeadline;
    state_.timeout = state_.fifo_count > 0;
  }
  update();
}

std::string Uart::take_typed(std::size_t bytes) {
  std::string text;
  for (; text.size() < bytes && input_waiting(); refill()) {
    if (!state_.fifo_count) break;  // loop-back: nothing reaches the receiver
    text += static_cast<char>(take());
  }
  update();
  return text;
}

void Uart::type(std::string_view text) {
  state_.typed += text;
  update();
}

}  // namespace ringside
