#include "hypervisor/devices/io_apic.h"

namespace ringside {
namespace {

constexpr u32 kSelect = 0x00, kWindow = 0x10;
enum Register : u8 { kId = 0, kVersionRegister = 1, kArbitration = 2, kFirstEntry = 0x10 };

// Redirection entries.
constexpr u64 kLevel = 1u << 15, kRemoteIrr = 1u << 14, kLogical = 1u << 11;
constexpr u32 kWritableLow = 0x0001AFFF, kWritableHigh = 0xFF000000;

constexpr DeliveryMode mode_of(u64 entry) { return static_cast<DeliveryMode>(entry >> 8 & 7); }

}  // namespace

void IoApic::update() {
  const u64 entry = state_.entry[k8259Pin];
  takes_8259_ = !(entry & kMasked) && mode_of(entry) == DeliveryMode::ExtInt;
}

void IoApic::restore(const State& state) {
  state_ = state;
  update();
}

void IoApic::deliver(unsigned pin) {
  u64& entry = state_.entry[pin];
  const bool level = entry & kLevel;
  const bool accepted = processor_.accept({.vector = static_cast<u8>(entry),
                                           .mode = mode_of(entry),
                                           .destination = static_cast<u8>(entry >> 56),
                                           .logical = (entry & kLogical) != 0,
                                           .level = level});
  if (accepted && level) entry |= kRemoteIrr;
}

/// A level-triggered pin asks again until the service of its last request has ended.
void IoApic::deliver_level(unsigned pin) {
  const u64 entry = state_.entry[pin];
  const bool asserted = state_.lines >> pin & 1;
  if (asserted && (entry & kLevel) && !(entry & (kMasked | kRemoteIrr))) deliver(pin);
}

void IoApic::set_pin(unsigned pin, bool level) {
  const u32 bit = 1u << pin;
  if (level == ((state_.lines & bit) != 0)) return;
  state_.lines ^= bit;
  if (!level) return;
  const u64 entry = state_.entry[pin];
  if (entry & kLevel)
    deliver_level(pin);
  else if (!(entry & kMasked))  // an edge at a masked pin is lost
    deliver(pin);
}

void IoApic::irq_changed(u8 irq, bool level) { set_pin(pin_of(irq), level); }

void IoApic::int_changed(bool level) {
  set_pin(k8259Pin, level);
  processor_.set_lint0(level);
}

void IoApic::end_of_interrupt(u8 vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    u64& entry = state_.entry[pin];
    if (!(entry & kRemoteIrr) || static_cast<u8>(entry) != vector) continue;
    entry &= ~kRemoteIrr;
    deliver_level(pin);
  }
}

u32 IoApic::read_register() const {
  const u8 select = state_.select;
  if (select >= kFirstEntry && select < kFirstEntry + 2 * kPins) {
    const u64 entry = state_.entry[(select - kFirstEntry) / 2];
    return static_cast<u32>(select & 1 ? entry >> 32 : entry);
  }
  switch (select) {
    case kId:
    case kArbitration: return u32{state_.id} << 24;
    case kVersionRegister: return kVersion;
    default: return 0;
  }
}

void IoApic::write_register(u32 value) {
  const u8 select = state_.select;
  if (select == kId) state_.id = value >> 24 & 0x0F;
  if (select < kFirstEntry || select >= kFirstEntry + 2 * kPins) return;
  const unsigned pin = (select - kFirstEntry) / 2u;
  u64& entry = state_.entry[pin];
  if (select & 1) {
    entry = (entry & ~u32{0}) | u64{value & kWritableHigh} << 32;
  } else {
    entry = (entry & ~u64{kWritableLow}) | (value & kWritableLow);
    if (!(entry & kLevel)) entry &= ~kRemoteIrr;
    deliver_level(pin);
  }
  update();
}

u32 IoApic::read(u32 offset, unsigned size) {
  const u32 value = offset == kSelect ? state_.select : offset == kWindow ? read_register() : 0;
  return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

void IoApic::write(u32 offset, u32 value, unsigned size) {
  if (offset == kSelect) state_.select = static_cast<u8>(value);
  if (offset == kWindow && size == 4) write_register(value);
}

}  // namespace ringside
