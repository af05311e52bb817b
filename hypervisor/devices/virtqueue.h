// A split virtqueue, the device's side: descriptors, available ring, used ring, all of them in the guest's
// memory and none of them trusted.
//
// Modelled: chains of up to the queue's size, suppression by flags and by event index. What a driver must not
// do breaks the queue for good (until reset) and says why: a chain that loops or leaves the table, a length
// that overflows, memory that is not the guest's, more available entries than the queue holds. Simplified: no
// indirect descriptors, no packed ring. Specification: virtio 1.2, section 2.7.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hypervisor/devices/dma.h"

namespace ringside {

class Virtqueue {
 public:
  struct State {
    u16 size = 0;
    bool ready = false, event_index = false;
    u64 descriptors = 0, available = 0, used = 0;  ///< guest addresses
    u16 next_available = 0, next_used = 0;
    u16 signalled_used = 0;  ///< next_used when the driver's wish was last looked at
    std::string broken;      ///< why nothing more is taken from this queue; empty = sound
    bool operator==(const State&) const = default;
  };
  struct Piece {
    GuestPhys address;
    u32 length;
    bool device_writes;
    bool operator==(const Piece&) const = default;
  };
  struct Chain {
    u16 head;
    std::vector<Piece> pieces;
    bool operator==(const Chain&) const = default;
  };
  static constexpr u32 kMostBytes = 16u << 20;  ///< of one chain

  explicit Virtqueue(const Dma& dma) : dma_(dma) {}

  bool usable() const { return state.ready && state.broken.empty(); }
  /// The next chain that the driver made available, if there is one.
  std::optional<Chain> pop();
  /// Gives a chain back, `written` bytes of it filled.
  void push(u16 head, u32 written);
  /// Whether the driver wants to be interrupted for what was pushed since this was last asked.
  bool wants_interrupt();
  /// Asks the driver to notify, or not to. By event index: for the next chain that it makes available.
  void ask_for_notification(bool on);

  State state;

 private:
  std::nullopt_t fail(std::string why) {
    state.broken = std::move(why);
    return std::nullopt;
  }
  bool read_index(u64 ring, u16& index);

  const Dma& dma_;
};

}  // namespace ringside
