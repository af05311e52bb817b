// A network address translator between one machine and the rest of the network: the hop that containers and
// virtual machines behind NAT pay for.
//
// Modelled: IPv4 with UDP or TCP, source address and port translated on the way out, back on the way in,
// header checksums updated incrementally, TTL, a bounded table of connections whose least recently used row
// goes first; ARP answered for the other side (the translator is where packets go). The machine behind it
// keeps its addresses and need not know. Whoever is outside sees only the translator. Each translated packet
// costs the machine's own host one CostEvent::NatTranslation (`charge`). Simplified: no ICMP, no fragments,
// no connection ever ends. What cannot be translated is dropped and counted. Specification: RFC 2663 (NAPT),
// RFC 1624 (checksums), RFC 826 (ARP).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "hypervisor/network/port.h"

namespace ringside {

class NatPort final : public NetworkPort {
 public:
  static constexpr std::size_t kMostConnections = 1024, kMostStations = 1024;
  static constexpr u16 kFirstPort = 40000;
  static constexpr StationAddress kOwnStation{'R', 'I', 'N', 'G', 0, 0xFE};
  static constexpr u32 kOwnAddress = 0x0A0000FE;  ///< 10.0.0.254

  /// `charge` accounts for a translated packet and says how many cycles that took; may be empty.
  NatPort(std::shared_ptr<NetworkPort> outside, std::function<u64()> charge)
      : outside_(std::move(outside)), charge_(std::move(charge)) {}

  StationAddress address() const override { return outside_->address(); }
  u64 send(Frame frame, u64 now) override;
  u64 next_arrival() const override;
  std::optional<Frame> receive(u64 now) override;
  PortStatistics statistics() const override { return outside_->statistics(); }

  u64 translated() const { return translated_; }
  u64 dropped() const { return dropped_; }
  std::size_t connections() const { return by_port_.size(); }

 private:
  struct Connection {
    u32 address;
    u16 port;
    u8 protocol;
    u64 used;
  };
  struct Reply {
    Frame frame;
    u64 due;
  };
  using Inside = std::tuple<u8, u32, u16>;  ///< protocol, address, port

  std::optional<Frame> translate_out(Frame frame);
  std::optional<Frame> translate_in(Frame frame);
  void arp_from_inside(const Frame& frame, u64 now);
  std::optional<Frame> arp_from_outside(const Frame& frame, u64 now);
  u16 port_for(const Inside& inside);
  u64 count_translation() {
    ++translated_;
    return charge_ ? charge_() : 0;
  }

  std::shared_ptr<NetworkPort> outside_;
  std::function<u64()> charge_;
  std::map<u32, StationAddress> outside_stations_;
  std::optional<StationAddress> inside_station_;
  std::map<Inside, u16> by_inside_;
  std::map<u16, Connection> by_port_;
  std::vector<Reply> replies_;  ///< of the translator itself, to the machine inside
  u64 uses_ = 0, translated_ = 0, dropped_ = 0;
};

}  // namespace ringside
