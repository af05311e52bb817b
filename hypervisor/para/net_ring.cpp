#include "hypervisor/para/net_ring.h"

#include <cstring>

namespace ringside::para {
namespace {

constexpr u32 kSize = RS_NET_RING_SIZE;

bool within_page(const rs_net_buffer& b) { return u32{b.offset} + b.bytes <= kPageSize; }

}  // namespace

NetRing::Served NetRing::serve(u64 now) {
  if (!listening_) cable_->discard(now);
  listening_ = true;
  Served served{.notify = receive(now)};
  const u32 producer = page_.get().send_producer;
  if (producer - sent_ > kSize) return {.status = -RS_EINVAL, .notify = served.notify};
  for (; sent_ != producer; ++sent_, ++served.frames) {
    const Status status = send(page_.get().send[sent_ % kSize], now);
    if (!served.status) served.status = status;
  }
  page_.change([&](rs_net_ring& ring) {
    ring.send_consumer = sent_;
    ring.starved = waiting_.has_value();
  });
  return served;
}

Status NetRing::send(const rs_net_buffer& buffer, u64 now) {
  if (!within_page(buffer) || buffer.bytes < kFrameHeader || buffer.bytes > kMostFrame) return -RS_EINVAL;
  if (!paging_.owns(buffer.machine_frame)) return -RS_EPERM;
  const u8* data =
      ram_.machine().at(MachinePhys(u64{buffer.machine_frame} << 12) + buffer.offset, buffer.bytes);
  cable_->send(Frame(data, data + buffer.bytes), now);
  return 0;
}

bool NetRing::receive(u64 now) {
  const u32 before = received_;
  for (; listening_; waiting_.reset()) {
    if (!waiting_) waiting_ = cable_->receive(now);
    if (!waiting_) break;
    const u32 buffers = page_.get().receive_producer - received_;
    if (buffers == 0 || buffers > kSize) {  // none, or a number that cannot be
      page_.change([](rs_net_ring& ring) { ring.starved = 1; });
      break;
    }
    const u32 slot = received_++ % kSize;
    const rs_net_buffer buffer = page_.get().receive[slot];  // a copy: the frame may land on the ring itself
    const u16 bytes = store(buffer, *waiting_);
    page_.change([&](rs_net_ring& ring) {
      ring.receive[slot].bytes = bytes;
      ring.receive_consumer = received_;
    });
  }
  const u32 event = page_.get().receive_event;
  return received_ - event < received_ - before;
}

u16 NetRing::store(const rs_net_buffer& buffer, const Frame& frame) {
  if (!within_page(buffer) || buffer.bytes < frame.size() || !paging_.prepare_write(buffer.machine_frame))
    return 0;
  const MachinePhys at = MachinePhys(u64{buffer.machine_frame} << 12) + buffer.offset;
  std::memcpy(ram_.machine().at(at, frame.size()), frame.data(), frame.size());
  cache_.written(at, frame.size());
  return static_cast<u16>(frame.size());
}

}  // namespace ringside::para
