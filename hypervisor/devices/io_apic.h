// The I/O APIC: takes the interrupt lines of the board to the local APIC, each by a redirection entry.
//
// Modelled: Intel's 82093AA: index and data window, ID, version, arbitration register, 24 redirection entries
// with edge and level triggering, masks, physical and logical destinations, remote IRR and its end by EOI;
// pin 0 as the 8259's way to the processor (ExtINT). Wiring of the PC: the timer is at pin 2, the 8259 at pin
// 0, the other ISA interrupts at the pin of their number.
// Simplified: lines say "asserted" or not, whatever their polarity; delivery takes no time; SMI, NMI and INIT
// are not delivered. Manual: Intel 82093AA data sheet (order 290566).
#pragma once

#include <array>

#include "hypervisor/devices/local_apic.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

class IoApic final : public Device, public InterruptWires {
 public:
  static constexpr u32 kBase = 0xFEC00000, kBytes = 0x1000;
  static constexpr unsigned kPins = 24;
  static constexpr u32 kVersion = (kPins - 1) << 16 | 0x11;
  static constexpr u8 kFirmwareId = 1;  ///< APICs on one bus have different IDs; the processor's is 0
  static constexpr u8 k8259Pin = 0, kTimerPin = 2;

  struct State {
    u8 select = 0, id = kFirmwareId;
    u32 lines = 0;  ///< levels of the pins
    std::array<u64, kPins> entry = masked();
    bool operator==(const State&) const = default;
  };

  explicit IoApic(LocalApic& processor) : processor_(processor) {}

  /// Which pin an ISA interrupt is wired to.
  static constexpr unsigned pin_of(u8 irq) { return irq == 0 ? kTimerPin : irq; }

  /// Offset 0: IOREGSEL, 10h: IOWIN.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  void irq_changed(u8 irq, bool level) override;
  void int_changed(bool level) override;
  void set_pin(unsigned pin, bool level);
  void end_of_interrupt(u8 vector);
  /// Whether what the 8259 requests reaches the processor this way.
  bool takes_8259() const { return takes_8259_; }

  bool unmasked(unsigned pin) const { return !(state_.entry[pin] & kMasked); }

  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  static constexpr u64 kMasked = 1u << 16;
  static constexpr std::array<u64, kPins> masked() {
    std::array<u64, kPins> entries{};
    entries.fill(kMasked);
    return entries;
  }
  u32 read_register() const;
  void write_register(u32 value);
  void deliver(unsigned pin);
  void deliver_level(unsigned pin);
  void update();

  LocalApic& processor_;
  State state_;
  bool takes_8259_ = false;
};

}  // namespace ringside
