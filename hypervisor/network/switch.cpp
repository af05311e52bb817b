#include "hypervisor/network/switch.h"

#include <algorithm>
#include <cassert>

#include "hypervisor/devices/clock.h"

namespace ringside {
namespace {

/// A guest may claim any sender: from this many on the switch learns no more, and floods.
constexpr std::size_t kMostStations = 1024;

StationAddress address_at(const Frame& frame, std::size_t offset) {
  StationAddress address;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), address.size(), address.begin());
  return address;
}

bool is_group(const StationAddress& a) { return a[0] & 1; }

}  // namespace

VirtualSwitch::VirtualSwitch(std::size_t ports, u64 hz, const LinkConfig& link)
    : hz_(hz),
      bits_per_second_(link.bits_per_second),
      latency_(std::max<u64>(1, microseconds(link.latency_microseconds, hz))) {
  for (std::size_t i = 0; i < ports; ++i) ports_.push_back(std::make_unique<Port>(*this, i));
}

std::shared_ptr<NetworkPort> VirtualSwitch::port(const std::shared_ptr<VirtualSwitch>& whole, std::size_t i) {
  return {whole, whole->ports_.at(i).get()};
}

void VirtualSwitch::forward(std::size_t from, const Frame& frame, u64 due) {
  const StationAddress to = address_at(frame, 0), sender = address_at(frame, 6);
  if (!is_group(sender) && (seen_.size() < kMostStations || seen_.contains(sender))) seen_[sender] = from;
  const auto known = is_group(to) ? seen_.end() : seen_.find(to);
  if (known != seen_.end()) {
    if (known->second != from) ports_[known->second]->enqueue(frame, due);
    return;
  }
  for (std::size_t i = 0; i < ports_.size(); ++i)
    if (i != from) ports_[i]->enqueue(frame, due);
}

/// Locally administered, and as readable as six bytes can be: "RING", 0, station number from 1.
StationAddress VirtualSwitch::Port::address() const {
  return {'R', 'I', 'N', 'G', 0, static_cast<u8>(index_ + 1)};
}

u64 VirtualSwitch::Port::send(Frame frame, u64 now) {
  assert(frame.size() >= kFrameHeader && frame.size() <= kMostFrame);
  constexpr u64 kPreambleCheckAndGap = 24;  // bytes of time on the cable beside the frame's own
  frame.resize(std::max<std::size_t>(frame.size(), kLeastFrame));
  ++statistics_.sent;
  statistics_.sent_bytes += frame.size();
  const u64 bits = 8 * (frame.size() + kPreambleCheckAndGap);
  const u64 duration = static_cast<u64>(Wide{bits} * owner_.hz_ / owner_.bits_per_second_);
  free_from_ = std::max(now, free_from_) + std::max<u64>(duration, 1);
  owner_.forward(index_, frame, free_from_ + owner_.latency_);
  return free_from_;
}

void VirtualSwitch::Port::enqueue(Frame frame, u64 due) {
  if (queue_.size() >= kBacklog) {
    ++statistics_.dropped;
    return;
  }
  const auto later = [](u64 time, const Arrival& a) { return time < a.due; };
  queue_.insert(std::upper_bound(queue_.begin(), queue_.end(), due, later), {std::move(frame), due});
}

std::optional<Frame> VirtualSwitch::Port::receive(u64 now) {
  if (queue_.empty() || queue_.front().due > now) return std::nullopt;
  Frame frame = std::move(queue_.front().frame);
  queue_.pop_front();
  ++statistics_.received;
  statistics_.received_bytes += frame.size();
  return frame;
}

}  // namespace ringside
