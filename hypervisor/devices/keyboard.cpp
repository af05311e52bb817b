#include "hypervisor/devices/keyboard.h"

#include <algorithm>

namespace ringside {
namespace {

enum : u8 { kOutputFull = 1, kSystemFlag = 4, kLastWasCommand = 8, kUnlocked = 0x10 };
enum : u8 { kInterruptOn = 1, kKeyboardDisabled = 0x10 };  // command byte
enum : u8 { kA20 = 2, kOutputFullLine = 0x10 };            // output port
constexpr u8 kAcknowledge = 0xFA, kResend = 0xFE, kSelfTestPassed = 0xAA;

}  // namespace

void Keyboard::raise() {
  irq_.set(false);
  if (state_.queued && (state_.command_byte & kInterruptOn)) irq_.set(true);
}

void Keyboard::enqueue(u8 byte) {
  if (state_.queued == kQueueBytes) return;  // a full buffer loses keys, as the real one does
  state_.queue[state_.queued++] = byte;
  if (state_.queued == 1) raise();
}

/// What the controller itself answers comes before keys that wait.
void Keyboard::respond(u8 byte) {
  state_.queue[0] = byte;
  if (!state_.queued) state_.queued = 1;
  raise();
}

void Keyboard::press(u8 scancode) {
  if (state_.scanning && !(state_.command_byte & kKeyboardDisabled)) enqueue(scancode);
}

u32 Keyboard::read(u32 offset, unsigned) {
  if (offset == 4)
    return static_cast<u32>((state_.queued ? kOutputFull : 0) | (state_.command_byte & kSystemFlag) |
                            (state_.last_was_command ? kLastWasCommand : 0) | kUnlocked);
  const u8 byte = state_.queue[0];  // an empty buffer repeats the last byte
  if (state_.queued) {
    state_.last_sent = byte;
    if (--state_.queued) std::copy(state_.queue.begin() + 1, state_.queue.end(), state_.queue.begin());
    raise();
  }
  return byte;
}

void Keyboard::write(u32 offset, u32 value, unsigned) {
  state_.last_was_command = offset == 4;
  if (offset == 4)
    command(static_cast<u8>(value));
  else
    data(static_cast<u8>(value));
}

void Keyboard::set_output_port(u8 value) {
  if (!(value & 1)) state_.reset_requested = true;
  state_.output_port = value;
  a20_.set(value & kA20);
}

u8 Keyboard::output_port() const {
  return static_cast<u8>((state_.output_port & ~(kOutputFullLine | kA20)) |
                         (state_.queued ? kOutputFullLine : 0) | (a20_.on() ? kA20 : 0));
}

void Keyboard::command(u8 value) {
  state_.pending_command = 0;
  switch (value) {
    case 0x20: respond(state_.command_byte); break;
    case 0xA9: respond(2); break;  // the auxiliary interface has a stuck clock: there is none
    case 0xAA:
      state_.command_byte |= kSystemFlag;
      respond(0x55);
      break;
    case 0xAB: respond(0); break;
    case 0xAD: state_.command_byte |= kKeyboardDisabled; break;
    case 0xAE: state_.command_byte &= ~kKeyboardDisabled; break;
    case 0xC0: respond(0x80); break;  // input port: keyboard not locked
    case 0xD0: respond(output_port()); break;
    case 0x60:
    case 0xD1:
    case 0xD2:
    case 0xD3:
    case 0xD4: state_.pending_command = value; break;
    case 0xDD: a20_.set(false); break;
    case 0xDF: a20_.set(true); break;
    default:
      // F0h-FFh pulse the output lines whose bits are clear; line 0 resets the processor.
      if (value >= 0xF0 && !(value & 1)) state_.reset_requested = true;
      break;
  }
}

void Keyboard::data(u8 value) {
  const u8 pending = state_.pending_command;
  state_.pending_command = 0;
  switch (pending) {
    case 0x60:
      state_.command_byte = value;
      raise();
      break;
    case 0xD1: set_output_port(value); break;
    case 0xD2: respond(value); break;
    case 0xD3:
    case 0xD4: break;  // for the mouse that is not there
    default: device(value); break;
  }
}

void Keyboard::device(u8 value) {
  state_.command_byte &= ~kKeyboardDisabled;
  if (const u8 waiting = state_.device_command) {
    state_.device_command = 0;
    if (waiting == 0xED) state_.leds = value & 7;
    enqueue(kAcknowledge);
    if (waiting == 0xF0 && value == 0) enqueue(0x41);  // set 2, as translated
    return;
  }
  switch (value) {
    case 0xED:
    case 0xF0:
    case 0xF3:
      state_.device_command = value;
      enqueue(kAcknowledge);
      break;
    case 0xEE: enqueue(0xEE); break;
    case 0xF2:
      enqueue(kAcknowledge);
      enqueue(0xAB);
      enqueue(0x41);  // 83h, as translated
      break;
    case 0xF4:
    case 0xF5:
    case 0xF6:
      state_.scanning = value != 0xF5;
      enqueue(kAcknowledge);
      break;
    case 0xFE: enqueue(state_.last_sent); break;
    case 0xFF:
      state_.scanning = true;
      state_.leds = 0;
      enqueue(kAcknowledge);
      enqueue(kSelfTestPassed);
      break;
    default: enqueue(kResend); break;
  }
}

}  // namespace ringside
