// The gate in the processor's address line 20, with which an AT imitates the 8086's wrapping around at 1 MiB.
//
// Modelled: off forces bit 20 of the processor's addresses to 0; it is on after power-on, as most firmware
// leaves it. Simplified: the keyboard controller and port 92h work one latch, so that who writes last
// decides; in some chip sets either keeps the line open. DMA never passes through the gate.
// Manual: IBM PC AT Technical Reference, "Keyboard Controller"; Intel SDM vol. 3 section 21.33.3 (A20M#).
#pragma once

#include <functional>

#include "cpu/address.h"

namespace ringside {

class A20Gate {
 public:
  static constexpr u64 kBit = 1u << 20;

  bool on() const { return on_; }
  void set(bool on) {
    if (on == on_) return;
    on_ = on;
    if (changed) changed(on);
  }
  void restore(bool on) { on_ = on; }

  std::function<void(bool on)> changed;  ///< the wire to the processor, or to its monitor

 private:
  bool on_ = true;
};

}  // namespace ringside
