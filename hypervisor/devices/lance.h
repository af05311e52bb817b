// A LANCE network card (Am7990 with the bus interface of the PCnet-ISA): the card that VMware Workstation
// gave its guests when Sugerman et al. measured it.
//
// The driver talks to it through two 16-bit ports, one to select a register and one to access it; frames lie
// in rings of descriptors in memory that the card reads by itself. Modelled: CSR0-3, the initialization
// block, both rings with chained buffers, the station address filter, one transmission at a time at the speed
// of the cable, all interrupt causes. What a driver must not do (descriptors or data outside of memory, a
// frame that is too long) ends in the card's own error bits; error() says what it was. Simplified: any bit of
// the logical address filter admits every group address; the check sequence that the receiver stores is zero;
// no loopback, no polling of the transmit ring without demand. Manual: AMD Am7990 data sheet (order 05698).
#pragma once

#include <memory>
#include <string>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/dma.h"
#include "hypervisor/devices/pic.h"
#include "hypervisor/network/port.h"

namespace ringside {

class Lance final : public Device {
 public:
  /// A ring of descriptors; `at` is the card's place in it.
  struct Ring {
    u32 base = 0;
    u16 size = 1, at = 0;
    bool operator==(const Ring&) const = default;
  };
  struct State {
    u16 selected = 0, csr0 = 4, csr1 = 0, csr2 = 0, csr3 = 0;  ///< stopped
    u16 mode = 0;
    StationAddress address{};
    bool any_group = false;
    Ring receive, transmit;
    u16 transmitting = 0;              ///< descriptors of the frame that is on its way
    u64 transmit_done = kNoDeadline;   ///< when it has left
    u64 requests = 0, interrupts = 0;  ///< frames taken from the ring; times that the line was raised
    std::string error;
    bool operator==(const State&) const = default;
  };

  /// `cable` may be null: then there is no card.
  Lance(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<NetworkPort> cable);

  /// Offsets 0-15: the station address PROM; 10h: register data, 12h: register address, 14h: reset.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override;
  void advance() override;

  /// Frames that the card took from its transmit ring.
  u64 requests() const { return state_.requests; }
  /// What the driver did that the card could not do; empty if nothing. Until the card is reset.
  const std::string& error() const { return state_.error; }
  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  void write_csr(u16 value);
  void write_csr0(u16 value);
  void reset();
  bool initialize();
  void start_transmission();
  void finish_transmission();
  bool accepts(const Frame& frame) const;
  void store(const Frame& frame);
  void memory_error(u64 address);
  void raise(u16 cause);
  void update_interrupt();

  const Clock& clock_;
  const Dma& dma_;
  std::shared_ptr<NetworkPort> cable_;
  IrqLine irq_;
  State state_;
};

}  // namespace ringside
