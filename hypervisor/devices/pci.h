// The PCI configuration space of a PC with Intel's 440FX chip set: mechanism 1 at CF8h and CFCh, and the
// reset control register at CF9h.
//
// Modelled: bus 0 with the host bridge (00.0), the PIIX3's ISA bridge (01.0) and its IDE function (01.1) in
// compatibility mode, whose channel is that of ide.h; the command registers' writable bits, interrupt lines.
// Simplified: no base addresses, so that there is nothing to place and no bus master; no other buses, no
// interrupts through PIRQ. Manual: PCI Local Bus Specification 2.1 sections 3.7.4.1 and 6; Intel 82441FX and
// 82371SB data sheets.
#pragma once

#include <array>

#include "hypervisor/devices/device.h"

namespace ringside {

class Pci final : public Device {
 public:
  static constexpr unsigned kFunctions = 3;

  struct State {
    u32 address = 0;                        ///< as last written to CF8h
    std::array<u16, kFunctions> command{};  ///< of each function
    std::array<u8, kFunctions> interrupt_line{};
    bool reset_requested = false;
    bool operator==(const State&) const = default;
  };

  /// Offsets 0-3: CF8h-CFBh, 4-7: CFCh-CFFh.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  /// The function that the address selects, or -1: there is none, or the address is not enabled.
  int selected() const;
  u8 configuration_byte(int function, u8 at) const;

  State state_;
};

}  // namespace ringside
