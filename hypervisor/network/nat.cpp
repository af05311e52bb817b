#include "hypervisor/network/nat.h"

#include <utility>

#include "hypervisor/network/packet.h"

namespace ringside {
namespace {

using namespace packet;

constexpr std::size_t kMostReplies = 64;

struct Transport {
  std::size_t source, destination, checksum;  ///< offsets in the frame
};

/// Where the ports are, if this is a whole IPv4 packet of a protocol that has them, and not yet too old.
std::optional<Transport> transport_of(const Frame& f) {
  if (f.size() < kIp + 20 || f[kIp] >> 4 != 4) return std::nullopt;
  const std::size_t header = 4u * (f[kIp] & 15), length = get16(f, kLength);
  const u8 protocol = f[kProtocol];
  const std::size_t least = protocol == kTcp ? 20 : 8;
  if ((protocol != kTcp && protocol != kUdp) || header < 20 || length < header + least ||
      kIp + length > f.size())
    return std::nullopt;
  if (get16(f, kFragment) & 0x3FFF || f[kTtl] <= 1 || checksum(f, kIp, header) != 0) return std::nullopt;
  const std::size_t at = kIp + header;
  return Transport{at, at + 2, at + (protocol == kTcp ? 16 : 6)};
}

/// Changes 16 bits that one or both checksums cover.
void change16(Frame& f, std::size_t at, u16 value, const Transport& t, bool in_header) {
  const u16 before = get16(f, at);
  put16(f, at, value);
  if (in_header) put16(f, kHeaderChecksum, updated(get16(f, kHeaderChecksum), before, value));
  if (f[kProtocol] == kUdp && get16(f, t.checksum) == 0) return;  // the sender computed none
  u16 sum = updated(get16(f, t.checksum), before, value);
  if (f[kProtocol] == kUdp && sum == 0) sum = 0xFFFF;
  put16(f, t.checksum, sum);
}

void change_address(Frame& f, std::size_t at, u32 value, const Transport& t) {
  change16(f, at, static_cast<u16>(value >> 16), t, true);
  change16(f, at + 2, static_cast<u16>(value), t, true);
}

void age(Frame& f) {
  const u16 before = get16(f, kTtl);
  --f[kTtl];
  put16(f, kHeaderChecksum, updated(get16(f, kHeaderChecksum), before, get16(f, kTtl)));
}

bool is_arp(const Frame& f) {
  return f.size() >= kArpEnd && get16(f, kType) == kTypeArp && get32(f, kIp) == 0x00010800 &&
         get16(f, kIp + 4) == 0x0604;
}

Frame arp(u16 operation, const StationAddress& to, u32 sender, u32 target) {
  Frame f(kLeastFrame);
  put_station(f, kTo, to);
  put_station(f, kFrom, NatPort::kOwnStation);
  put16(f, kType, kTypeArp);
  put32(f, kIp, 0x00010800);  // Ethernet, IPv4
  put16(f, kIp + 4, 0x0604);  // their addresses' lengths
  put16(f, kArpOperation, operation);
  put_station(f, kArpSenderStation, NatPort::kOwnStation);
  put32(f, kArpSender, sender);
  if (to != kBroadcast) put_station(f, kArpTarget - 6, to);
  put32(f, kArpTarget, target);
  return f;
}

}  // namespace

// ---- out

u64 NatPort::send(Frame frame, u64 now) {
  if (is_arp(frame)) {
    arp_from_inside(frame, now);
  } else if (auto translated = translate_out(std::move(frame))) {
    return outside_->send(std::move(*translated), now + count_translation());
  } else {
    ++dropped_;
  }
  return now + 1;
}

std::optional<Frame> NatPort::translate_out(Frame f) {
  if (get16(f, kType) != kTypeIpv4) return std::nullopt;
  const auto t = transport_of(f);
  if (!t) return std::nullopt;
  const auto next = outside_stations_.find(get32(f, kDestination));
  if (next == outside_stations_.end()) return std::nullopt;
  inside_station_ = station(f, kFrom);
  const u16 port = port_for({f[kProtocol], get32(f, kSource), get16(f, t->source)});
  change_address(f, kSource, kOwnAddress, *t);
  change16(f, t->source, port, *t, false);
  age(f);
  put_station(f, kTo, next->second);
  put_station(f, kFrom, kOwnStation);
  return f;
}

/// The port outside that stands for a connection inside.
u16 NatPort::port_for(const Inside& inside) {
  if (const auto known = by_inside_.find(inside); known != by_inside_.end()) {
    by_port_.at(known->second).used = ++uses_;
    return known->second;
  }
  u16 port = static_cast<u16>(kFirstPort + by_port_.size());
  if (by_port_.size() >= kMostConnections) {
    auto oldest = by_port_.begin();
    for (auto row = by_port_.begin(); row != by_port_.end(); ++row)
      if (row->second.used < oldest->second.used) oldest = row;
    port = oldest->first;
    by_inside_.erase({oldest->second.protocol, oldest->second.address, oldest->second.port});
  }
  by_port_[port] = {std::get<1>(inside), std::get<2>(inside), std::get<0>(inside), ++uses_};
  by_inside_[inside] = port;
  return port;
}

void NatPort::arp_from_inside(const Frame& f, u64 now) {
  inside_station_ = station(f, kArpSenderStation);
  const u32 wanted = get32(f, kArpTarget);
  // Who is not known yet will announce itself, and the machine inside is told then.
  if (get16(f, kArpOperation) != kArpRequest || !outside_stations_.contains(wanted)) return;
  if (replies_.size() < kMostReplies)
    replies_.push_back({arp(kArpReply, *inside_station_, wanted, get32(f, kArpSender)), now});
}

// ---- in

u64 NatPort::next_arrival() const {
  return replies_.empty() ? outside_->next_arrival()
                          : std::min(replies_.front().due, outside_->next_arrival());
}

std::optional<Frame> NatPort::receive(u64 now) {
  if (!replies_.empty() && replies_.front().due <= now) {
    Frame frame = std::move(replies_.front().frame);
    replies_.erase(replies_.begin());
    return frame;
  }
  while (auto frame = outside_->receive(now)) {
    auto translated = is_arp(*frame) ? arp_from_outside(*frame, now) : translate_in(std::move(*frame));
    if (translated) return translated;
  }
  return std::nullopt;
}

std::optional<Frame> NatPort::translate_in(Frame f) {
  const auto dropped = [this] {
    ++dropped_;
    return std::nullopt;
  };
  if (get16(f, kType) != kTypeIpv4 || !inside_station_) return dropped();
  const auto t = transport_of(f);
  if (!t || get32(f, kDestination) != kOwnAddress) return dropped();
  const auto row = by_port_.find(get16(f, t->destination));
  if (row == by_port_.end() || row->second.protocol != f[kProtocol]) return dropped();
  row->second.used = ++uses_;
  change_address(f, kDestination, row->second.address, *t);
  change16(f, t->destination, row->second.port, *t, false);
  age(f);
  put_station(f, kTo, *inside_station_);
  put_station(f, kFrom, kOwnStation);
  count_translation();
  return f;
}

/// What the machine inside is told of it.
std::optional<Frame> NatPort::arp_from_outside(const Frame& f, u64 now) {
  const u32 sender = get32(f, kArpSender), target = get32(f, kArpTarget);
  if (outside_stations_.size() < kMostStations || outside_stations_.contains(sender))
    outside_stations_[sender] = station(f, kArpSenderStation);
  if (get16(f, kArpOperation) == kArpRequest && target == kOwnAddress)
    outside_->send(arp(kArpReply, station(f, kArpSenderStation), kOwnAddress, sender), now);
  if (sender != target) return std::nullopt;
  return arp(kArpRequest, kBroadcast, sender, sender);  // an announcement
}

}  // namespace ringside
