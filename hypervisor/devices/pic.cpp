#include "hypervisor/devices/pic.h"

namespace ringside {
namespace {
constexpr u8 bit(unsigned n) { return static_cast<u8>(1u << n); }
// ELCR: the timer, keyboard, cascade, RTC and coprocessor lines are always edge-triggered.
constexpr u8 kElcrWritable[2] = {0xF8, 0xDE};
}  // namespace

void Pic::set_line(u8 input, bool level) {
  const u8 mask = bit(input);
  if (!level) {
    // In either mode a request must last until it is acknowledged; one that goes away early becomes spurious.
    lines &= ~mask;
    irr &= ~mask;
  } else {
    if (!(lines & mask) || (level_inputs() & mask)) irr |= mask;
    lines |= mask;
  }
}

int Pic::highest(u8 inputs) const {
  for (unsigned i = 0; i < 8; ++i) {
    const u8 input = (lowest + 1 + i) & 7;
    if (inputs & bit(input)) return input;
  }
  return -1;
}

int Pic::request() const {
  const int candidate = highest(irr & ~imr);
  if (candidate < 0 || init_step) return -1;
  // In special mask mode a masked input in service holds nobody back.
  const int in_service = highest(special_mask ? isr & ~imr : isr);
  if (in_service < 0 || rank(candidate) < rank(in_service)) return candidate;
  // Special fully nested: the slave may interrupt itself.
  if (special_fully_nested && candidate == in_service) return candidate;
  return -1;
}

void Pic::acknowledge(u8 input) {
  const u8 mask = bit(input);
  if (!(level_inputs() & mask)) irr &= ~mask;
  if (auto_eoi) {
    if (rotate_on_auto_eoi) lowest = input;
  } else {
    isr |= mask;
  }
}

void Pic::end_of_interrupt(u8 value) {
  const u8 level = value & 7;
  const bool rotate = value & 0x80, specific = value & 0x40, eoi = value & 0x20;
  if (!eoi) {
    if (specific) {
      if (rotate) lowest = level;  // set priority; otherwise "no operation"
    } else {
      rotate_on_auto_eoi = rotate;
    }
    return;
  }
  const int input = specific ? level : highest(special_mask ? isr & ~imr : isr);
  if (input < 0) return;
  isr &= ~bit(input);
  if (rotate) lowest = static_cast<u8>(input);
}

void Pic::command(u8 value) {
  if (value & 0x10) {              // ICW1
    irr = level_inputs() & lines;  // edges must come anew
    isr = imr = 0;
    lowest = 7;
    special_mask = special_fully_nested = auto_eoi = rotate_on_auto_eoi = reads_isr = poll = false;
    needs_icw4 = value & 1;
    single = value & 2;
    level_triggered = value & 8;
    init_step = 2;
  } else if (value & 0x08) {  // OCW3
    if (value & 0x40) special_mask = value & 0x20;
    poll = value & 0x04;
    if (value & 0x02) reads_isr = value & 0x01;
  } else {
    end_of_interrupt(value);
  }
}

void Pic::data(u8 value) {
  switch (init_step) {
    case 0: imr = value; break;
    case 2:
      vector_base = value & 0xF8;
      init_step = single ? (needs_icw4 ? 4 : 0) : 3;
      break;
    case 3: init_step = needs_icw4 ? 4 : 0; break;
    default:
      auto_eoi = value & 2;
      special_fully_nested = value & 0x10;
      init_step = 0;
      break;
  }
}

u32 PicPair::read(u32 offset, unsigned) {
  if (offset >= 4) return state_.chip[offset & 1].elcr;
  Pic& chip = state_.chip[offset / 2];
  if (chip.poll) {
    chip.poll = false;
    const int input = chip.request();
    if (input < 0) return 0;
    chip.acknowledge(static_cast<u8>(input));
    update();
    return 0x80u | static_cast<u32>(input);
  }
  if (offset & 1) return chip.imr;
  return chip.reads_isr ? chip.isr : chip.irr;
}

void PicPair::write(u32 offset, u32 value, unsigned) {
  const u8 byte = static_cast<u8>(value);
  if (offset >= 4)
    state_.chip[offset & 1].elcr = byte & kElcrWritable[offset & 1];
  else if (offset & 1)
    state_.chip[offset / 2].data(byte);
  else
    state_.chip[offset / 2].command(byte);
  update();
}

void PicPair::set_line(u8 irq, bool level) {
  Pic& chip = state_.chip[irq / 8];
  const bool changes = level == !(chip.lines & bit(irq & 7));
  if (!level && !changes) return;
  if (level && changes) edges_ |= static_cast<u16>(1u << irq);
  chip.set_line(irq & 7, level);
  update();
  if (changes && others_) others_->irq_changed(irq, level);
}

void PicPair::update() {
  state_.chip[0].set_line(kCascade, state_.chip[1].request() >= 0);
  const bool before = pending_;
  pending_ = state_.chip[0].request() >= 0;
  if (pending_ != before && others_) others_->int_changed(pending_);
}

u8 PicPair::acknowledge() {
  Pic &master = state_.chip[0], &slave = state_.chip[1];
  const int input = master.request();
  u8 vector = master.vector_base + 7;  // spurious: nothing is put in service
  if (input == kCascade) {
    master.acknowledge(kCascade);
    const int second = slave.request();
    vector = slave.vector_base + 7;
    if (second >= 0) {
      slave.acknowledge(static_cast<u8>(second));
      vector = slave.vector_base + static_cast<u8>(second);
    }
    master.set_line(kCascade,
                    false);  // the slave's INT drops during INTA, so that its next request is an edge
  } else if (input >= 0) {
    master.acknowledge(static_cast<u8>(input));
    vector = master.vector_base + static_cast<u8>(input);
  }
  update();
  return vector;
}

void PicPair::restore(const State& state) {
  state_ = state;
  pending_ = state_.chip[0].request() >= 0;
}

}  // namespace ringside
