// A virtual switch: joins the network cards of several machines.
//
// Modelled: a learning bridge (it notes behind which port a station's address was seen, and floods what it
// does not know), a cable to each port that carries one frame after the other at a fixed rate, a fixed
// latency, a bounded queue before each port. Simplified: addresses are never forgotten; cables are full
// duplex and without errors; the rate of the way out of the switch is not modelled, for the way in has paced
// it. A frame sent at t arrives after t + latency: machines on one switch may run apart by that much without
// missing anything (pair.h). Standard: IEEE 802.1D, section 7 (bridge operation).
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "hypervisor/network/port.h"

namespace ringside {

struct LinkConfig {
  u64 bits_per_second = 10'000'000'000;
  /// One way. It stands for the cable and for the two operating systems' protocol stacks, which small guests
  /// do not have: with it a round trip between two machines without monitors takes the 38 us that Felter et
  /// al. 2015 measured for netperf.
  u64 latency_microseconds = 16;
};

class VirtualSwitch {
 public:
  static constexpr std::size_t kBacklog = 512;  ///< frames that may wait at a port

  /// `hz`: of the machines' clocks, which tick alike.
  VirtualSwitch(std::size_t ports, u64 hz, const LinkConfig& link);

  /// The port keeps the switch alive.
  static std::shared_ptr<NetworkPort> port(const std::shared_ptr<VirtualSwitch>& whole, std::size_t i);
  u64 latency() const { return latency_; }  ///< cycles, at least 1

 private:
  struct Arrival {
    Frame frame;
    u64 due;
  };
  class Port final : public NetworkPort {
   public:
    Port(VirtualSwitch& owner, std::size_t index) : owner_(owner), index_(index) {}
    StationAddress address() const override;
    u64 send(Frame frame, u64 now) override;
    u64 next_arrival() const override { return queue_.empty() ? kNoDeadline : queue_.front().due; }
    std::optional<Frame> receive(u64 now) override;
    PortStatistics statistics() const override { return statistics_; }
    void enqueue(Frame frame, u64 due);

   private:
    VirtualSwitch& owner_;
    std::size_t index_;
    u64 free_from_ = 0;  ///< when the cable has carried all that was sent
    std::deque<Arrival> queue_;
    PortStatistics statistics_;
  };

  void forward(std::size_t from, const Frame& frame, u64 due);

  u64 hz_, bits_per_second_, latency_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::map<StationAddress, std::size_t> seen_;  ///< bounded by kMostStations
};

}  // namespace ringside
