// One end of a network cable, as a card sees it: frames go in, frames that have arrived come out. What is at
// the other end (a switch, another machine, an address translator) is not the card's business.
//
// Frames are Ethernet's without preamble and check sequence: two addresses, a type, up to 1500 bytes.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "hypervisor/devices/device.h"

namespace ringside {

using Frame = std::vector<u8>;
using StationAddress = std::array<u8, 6>;

inline constexpr StationAddress kBroadcast{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
inline constexpr u32 kFrameHeader = 14, kLeastFrame = 60, kMostFrame = 1514;  ///< bytes

struct PortStatistics {
  u64 sent = 0, sent_bytes = 0;
  u64 received = 0, received_bytes = 0;
  u64 dropped = 0;  ///< on their way to this port, because too many were waiting there
  bool operator==(const PortStatistics&) const = default;
};

/// Times are cycles of the machine's clock.
class NetworkPort {
 public:
  virtual ~NetworkPort() = default;
  /// The address that a card at this port is built with.
  virtual StationAddress address() const = 0;
  /// Sends a frame of kFrameHeader to kMostFrame bytes. Returns when its last bit leaves, after `now`: the
  /// card can send the next one then.
  virtual u64 send(Frame frame, u64 now) = 0;
  /// When the next frame arrives, or has arrived; kNoDeadline if none is on its way.
  virtual u64 next_arrival() const = 0;
  /// A frame that has arrived by `now`.
  virtual std::optional<Frame> receive(u64 now) = 0;
  virtual PortStatistics statistics() const = 0;

  /// Forgets what arrived while no card listened.
  void discard(u64 now) {
    while (receive(now)) continue;
  }
};

}  // namespace ringside
