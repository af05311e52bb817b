// The PCI configuration space of a PC with Intel's 440FX chip set: mechanism 1 at CF8h and CFCh, and the
// reset control register at CF9h; and a slot for each card that a machine may have.
//
// Modelled: bus 0 with the host bridge (00.0), the PIIX3's ISA bridge (01.0) and its IDE function (01.1) in
// compatibility mode, whose channel is that of ide.h; the command registers' writable bits, interrupt lines.
// A card has one base address, in port space, which it decodes wherever the guest places it while its command
// register says so, a list of capabilities, and INTA#, wired to a line of the interrupt controller.
// Simplified: the cards' registers are as firmware leaves them, placed and switched on; bus mastering is
// never refused; no other buses, no routing of interrupts through PIRQ.
// Manual: PCI Local Bus Specification 2.2 sections 3.2.2.3.2 and 6; Intel 82441FX and 82371SB data sheets.
#pragma once

#include <array>

#include "hypervisor/devices/device.h"

namespace ringside {

/// A function of its own on the bus; as a Device, the registers behind its base address.
class PciCard : public Device {
 public:
  struct Identity {
    u16 vendor, device;
    u32 class_and_revision;
    u16 subsystem_vendor, subsystem;
    u32 port_bytes;  ///< behind the base address; a power of two
  };
  virtual Identity identity() const = 0;
  // The capabilities: 40h-FFh of the configuration space. `size` is 1 to 4 bytes, all in one double word.
  virtual u32 read_capability(u8 at, unsigned size) = 0;
  virtual void write_capability(u8 at, u32 value, unsigned size) = 0;
};

/// Where a card sits.
struct PciSlot {
  u8 number;  ///< of the device on bus 0
  u16 ports;  ///< base address at power-on
  u8 irq;     ///< what INTA# is wired to
};

class Pci final : public Device {
 public:
  static constexpr unsigned kChipSet = 3, kMostCards = 3, kFunctions = kChipSet + kMostCards;

  struct State {
    u32 address = 0;                        ///< as last written to CF8h
    std::array<u16, kFunctions> command{};  ///< of each function
    std::array<u8, kFunctions> interrupt_line{};
    std::array<u32, kMostCards> base{};  ///< of each card's ports
    bool reset_requested = false;
    bool operator==(const State&) const = default;
  };

  /// At most kMostCards, before the machine runs. `card` must outlive the bus.
  void plug(PciCard& card, PciSlot slot);

  /// Offsets 0-3: CF8h-CFBh, 4-7: CFCh-CFFh.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  /// The card that decodes `size` ports from `port` on, all of them, and the first one's offset in it.
  struct Decoded {
    PciCard* card;
    u32 offset;
  };
  Decoded decode(u16 port, unsigned size) const;

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  /// The function that the address selects, or -1: there is none, or the address is not enabled.
  int selected() const;
  u8 header_byte(int function, u8 at) const;
  void write_header_byte(int function, u8 at, u8 value);

  State state_;
  struct Plugged {
    PciCard* card;
    PciSlot slot;
  };
  std::array<Plugged, kMostCards> cards_{};
  unsigned card_count_ = 0;
};

}  // namespace ringside
