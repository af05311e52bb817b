#include "labs/framework/ring_bench.h"

#include <cstring>
#include <utility>
#include <vector>

namespace ringside::labs {

u32 mark(u32 seed, u32 sector) { return sector * 2654435761u ^ seed; }

std::shared_ptr<BlockBackend> marked_disk(u32 seed) {
  std::vector<u8> bytes(kMarkedSectors * kSectorBytes);
  for (u32 sector = 0; sector < kMarkedSectors; ++sector) {
    const u32 word = mark(seed, sector);
    std::memcpy(&bytes[sector * kSectorBytes], &word, sizeof word);
  }
  return make_memory_disk(bytes);
}

RingBench::RingBench(Session& session, u32 seed)
    : host(HostConfig{.ram_bytes = kRam}), disk(marked_disk(seed)) {
  device = std::make_unique<RingDevice>(host, session, disk);
  start();
}

void RingBench::start() {
  for (u32 at = kDescriptors; at < kStatus + kPageSize; at += 4) poke(at, 0);
  offered_ = 0;
  constexpr u32 kStart = RS_VIRTIO_STATUS_ACKNOWLEDGE | RS_VIRTIO_STATUS_DRIVER;
  set(RS_VIRTIO_REG_STATUS, 0);
  set(RS_VIRTIO_REG_STATUS, kStart);
  set(RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 0);
  set(RS_VIRTIO_REG_DRIVER_FEATURES, 1u << RS_VIRTIO_FEATURE_EVENT_IDX);
  set(RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 1);
  set(RS_VIRTIO_REG_DRIVER_FEATURES, 1u << (RS_VIRTIO_FEATURE_VERSION_1 - 32));
  set(RS_VIRTIO_REG_STATUS, kStart | RS_VIRTIO_STATUS_FEATURES_OK);
  set(RS_VIRTIO_REG_QUEUE_SIZE, kSize);
  set(RS_VIRTIO_REG_QUEUE_DESC, kDescriptors);
  set(RS_VIRTIO_REG_QUEUE_DRIVER, kAvailable);
  set(RS_VIRTIO_REG_QUEUE_DEVICE, kUsed);
  set(RS_VIRTIO_REG_QUEUE_READY, 1);
  set(RS_VIRTIO_REG_STATUS, kStart | RS_VIRTIO_STATUS_FEATURES_OK | RS_VIRTIO_STATUS_DRIVER_OK);
  interrupts_ = device->transport_state().interrupts;
}

void RingBench::restart() { start(); }

void RingBench::descriptor(u16 n, u64 address, u32 length, u16 flags, u16 next) {
  const rs_vring_descriptor d{address, length, flags, next};
  host.machine.ram().write(GuestPhys(kDescriptors + n * u32{sizeof d}), d);
}

void RingBench::request(u16 n, u32 type, u64 sector, u32 bytes) {
  const rs_virtio_block_header header{type, 0, sector};
  host.machine.ram().write(GuestPhys(kHeaders + n * u32{sizeof header}), header);
  *host.machine.ram().at(GuestPhys(kStatus + n), 1) = 0xEE;
  const u16 first = static_cast<u16>(3 * n), reads = type == RS_VIRTIO_BLOCK_IN ? RS_VRING_WRITE : 0;
  descriptor(first, kHeaders + n * sizeof header, sizeof header, RS_VRING_NEXT, static_cast<u16>(first + 1));
  descriptor(static_cast<u16>(first + 1), buffer(n), bytes, static_cast<u16>(RS_VRING_NEXT | reads),
             static_cast<u16>(first + 2));
  descriptor(static_cast<u16>(first + 2), kStatus + n, 1, RS_VRING_WRITE);
}

void RingBench::offer(u16 head) { half(kAvailable + 4 + 2 * (offered_++ % kSize), head); }
void RingBench::show() { show(offered_); }
void RingBench::show(u16 index) { half(kAvailable + 2, index); }
void RingBench::notify() { set(RS_VIRTIO_REG_QUEUE_NOTIFY, 0); }

u64 RingBench::interrupts() {
  const u64 all = device->transport_state().interrupts, before = std::exchange(interrupts_, all);
  return all - before;
}

bool RingBench::broken() { return device->transport_state().status & RS_VIRTIO_STATUS_NEEDS_RESET; }

u32 RingBench::on_disk(u32 sector) const {
  std::vector<u8> data(kSectorBytes);
  disk->read(sector, data);
  u32 word;
  std::memcpy(&word, data.data(), sizeof word);
  return word;
}

}  // namespace ringside::labs
