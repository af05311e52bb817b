// The pair of 8259A interrupt controllers, cascaded through IRQ 2, and the ELCR of the PCI chip sets.
//
// Modelled: ICW1-4, OCW1-3, edge and level triggering (LTIM, or per line by ELCR), fixed and rotating
// priority, specific and non-specific EOI, automatic EOI, special mask mode, special fully nested mode, poll,
// reading IRR and ISR, and spurious interrupts 7 and 15 when a request goes away before it is acknowledged.
// Simplified: only 8086 mode; buffered mode and the cascade identity (ICW3) have no effect, the wiring is the
// PC's. Manual: Intel 8259A data sheet (order 231468); for ELCR Intel 82371SB data sheet, section 2.5.
#pragma once

#include <array>

#include "hypervisor/devices/device.h"

namespace ringside {

/// One 8259A.
struct Pic {
  u8 lines = 0;   ///< levels of the inputs
  u8 irr = 0;     ///< requests latched
  u8 isr = 0;     ///< in service
  u8 imr = 0xFF;  ///< masked
  u8 elcr = 0;    ///< 1 = level-triggered
  u8 vector_base = 0;
  u8 lowest = 7;     ///< input with the lowest priority; the next one has the highest
  u8 init_step = 0;  ///< which ICW comes next: 2, 3, 4; 0 when initialised
  bool needs_icw4 = false, single = false, level_triggered = false;
  bool auto_eoi = false, rotate_on_auto_eoi = false, special_mask = false, special_fully_nested = false;
  bool reads_isr = false, poll = false;

  u8 level_inputs() const { return level_triggered ? 0xFF : elcr; }
  bool operator==(const Pic&) const = default;

  void set_line(u8 input, bool level);
  /// The input to be serviced next, or -1: the INT output is asserted if there is one.
  int request() const;
  void acknowledge(u8 input);
  void command(u8 value);  ///< the even port: ICW1, OCW2, OCW3
  void data(u8 value);     ///< the odd port: ICW2-4, OCW1

 private:
  int rank(u8 input) const { return (input - lowest - 1) & 7; }
  int highest(u8 inputs) const;
  void end_of_interrupt(u8 value);
};

/// Who else is wired to the board's interrupt lines and to the master's INT output. Told of changes only.
class InterruptWires {
 public:
  virtual ~InterruptWires() = default;
  virtual void irq_changed(u8 irq, bool level) = 0;
  virtual void int_changed(bool level) = 0;
};

class PicPair final : public Device {
 public:
  struct State {
    /// As firmware leaves them: vectors 08h and 70h, everything masked.
    std::array<Pic, 2> chip{Pic{.vector_base = 0x08}, Pic{.vector_base = 0x70}};
    bool operator==(const State&) const = default;
  };

  /// Offsets 0-1: master, 2-3: slave, 4-5: ELCR. Bytes.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  void set_line(u8 irq, bool level);
  bool interrupt_pending() const { return pending_; }
  void connect(InterruptWires& others) { others_ = &others; }
  /// For a second controller that is fed from the same lines (the host kernel's): levels, and which lines
  /// have risen since the last call.
  u16 lines() const { return static_cast<u16>(state_.chip[0].lines | state_.chip[1].lines << 8); }
  u16 take_edges() {
    const u16 edges = edges_;
    edges_ = 0;
    return edges;
  }
  /// The processor's two INTA cycles; returns the vector.
  u8 acknowledge();

  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  static constexpr u8 kCascade = 2;
  void update();
  State state_;
  bool pending_ = false;
  u16 edges_ = 0;
  InterruptWires* others_ = nullptr;
};

/// A device's wire to the interrupt controller.
class IrqLine {
 public:
  IrqLine(PicPair& pic, u8 irq) : pic_(&pic), irq_(irq) {}
  void set(bool level) { pic_->set_line(irq_, level); }
  void pulse() {
    set(false);
    set(true);
  }

 private:
  PicPair* pic_;
  u8 irq_;
};

}  // namespace ringside
