#include "hypervisor/devices/virtio_net.h"

#include <algorithm>

namespace ringside {
namespace {

constexpr unsigned kReceive = 0, kTransmit = 1;
constexpr u32 kHeader = sizeof(rs_virtio_net_header);

u64 bytes_of(const Virtqueue::Chain& chain, bool device_writes) {
  u64 sum = 0;
  for (const Virtqueue::Piece& p : chain.pieces) sum += p.device_writes == device_writes ? p.length : 0;
  return sum;
}

}  // namespace

VirtioNet::VirtioNet(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<NetworkPort> cable)
    : VirtioDevice(clock, irq, dma, RS_VIRTIO_ID_NET, 2, u64{1} << RS_VIRTIO_NET_FEATURE_MAC),
      cable_(std::move(cable)) {}

void VirtioNet::restore(const State& state) {
  restore_transport(state.transport);
  listening_ = state.listening;
  waiting_ = state.waiting;
  refused_ = state.refused;
}

u32 VirtioNet::configuration(u32 offset) const {
  const StationAddress address = cable_->address();
  u32 value = 0;
  for (u32 i = 0; i < 4 && offset + i < address.size(); ++i) value |= u32{address[offset + i]} << 8 * i;
  return value;
}

u64 VirtioNet::deadline() const {
  const bool wants = listening_ && !waiting_ && driver_ready();
  return std::min(VirtioDevice::deadline(), wants ? cable_->next_arrival() : kNoDeadline);
}

void VirtioNet::advance() {
  VirtioDevice::advance();
  if (listening_ && driver_ready()) receive();
}

/// The driver has notified, or it is time to poll: buffers may have come, and frames to be sent.
void VirtioNet::process() {
  if (!listening_) cable_->discard(clock_.now());
  listening_ = true;
  receive();
  if (!driver_ready()) return;  // that has broken the card
  while (const auto chain = pop(kTransmit)) {
    send(*chain);
    queue(kTransmit).push(chain->head, 0);
  }
  ask_for_notification(kTransmit);
  settle(kTransmit);
}

void VirtioNet::receive() {
  for (;; waiting_.reset()) {
    if (!waiting_) waiting_ = cable_->receive(clock_.now());
    if (!waiting_) break;
    const auto chain = pop(kReceive);
    if (!chain) {
      ask_for_notification(kReceive);  // only now is the arrival of buffers news
      break;
    }
    std::vector<u8> bytes(kHeader);
    bytes[offsetof(rs_virtio_net_header, buffers)] = 1;
    bytes.insert(bytes.end(), waiting_->begin(), waiting_->end());
    u32 written = 0;
    if (bytes_of(*chain, true) < bytes.size()) {
      ++refused_;
    } else {
      for (const Virtqueue::Piece& p : chain->pieces) {
        if (!p.device_writes) continue;
        const u32 part = std::min<u32>(p.length, static_cast<u32>(bytes.size()) - written);
        if (!dma_.write(p.address, bytes.data() + written, part)) {
          ++refused_;
          break;
        }
        written += part;
      }
    }
    queue(kReceive).push(chain->head, written);
  }
  settle(kReceive);
}

void VirtioNet::send(const Virtqueue::Chain& chain) {
  const u64 total = bytes_of(chain, false);
  if (total < kHeader + kFrameHeader || total > kHeader + kMostFrame) {
    ++refused_;
    return;
  }
  Frame frame(total);
  u64 at = 0;
  for (const Virtqueue::Piece& p : chain.pieces) {
    if (p.device_writes) continue;
    if (!dma_.read(p.address, frame.data() + at, p.length)) {
      ++refused_;
      return;
    }
    at += p.length;
  }
  frame.erase(frame.begin(), frame.begin() + kHeader);
  cable_->send(std::move(frame), clock_.now());
}

}  // namespace ringside
