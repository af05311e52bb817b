// The driver's side of a ring device, for tests: a queue in the memory of a TestMachine, set up by the book,
// to be used or abused.
#pragma once

#include "hypervisor/abi/virtio.h"
#include "tests/hypervisor/device_fixture.h"

namespace ringside {

struct RingDriver {
  static constexpr u32 kDescriptors = 0x10000, kAvailable = 0x12000, kUsed = 0x13000, kHeader = 0x20000,
                       kStatus = 0x20100, kData = 0x30000;
  static constexpr u16 kSize = 8;

  RingDriver(TestMachine& m, u32 registers, u32 queue = 0, bool event_index = true)
      : m(m), registers(registers) {
    set(RS_VIRTIO_REG_STATUS, 0);
    clear_rings();
    set(RS_VIRTIO_REG_STATUS, RS_VIRTIO_STATUS_ACKNOWLEDGE | RS_VIRTIO_STATUS_DRIVER);
    set(RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 0);
    set(RS_VIRTIO_REG_DRIVER_FEATURES, event_index ? 1u << RS_VIRTIO_FEATURE_EVENT_IDX : 0);
    set(RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 1);
    set(RS_VIRTIO_REG_DRIVER_FEATURES, 1u << (RS_VIRTIO_FEATURE_VERSION_1 - 32));
    set(RS_VIRTIO_REG_STATUS, get(RS_VIRTIO_REG_STATUS) | RS_VIRTIO_STATUS_FEATURES_OK);
    set(RS_VIRTIO_REG_QUEUE_SELECT, queue);
    set(RS_VIRTIO_REG_QUEUE_SIZE, kSize);
    set(RS_VIRTIO_REG_QUEUE_DESC, kDescriptors);
    set(RS_VIRTIO_REG_QUEUE_DRIVER, kAvailable);
    set(RS_VIRTIO_REG_QUEUE_DEVICE, kUsed);
    set(RS_VIRTIO_REG_QUEUE_READY, 1);
    set(RS_VIRTIO_REG_STATUS, get(RS_VIRTIO_REG_STATUS) | RS_VIRTIO_STATUS_DRIVER_OK);
  }

  void clear_rings() {
    for (u32 at = kDescriptors; at < kHeader; at += 8) put(at, u64{0});
  }
  u32 get(u32 offset) { return m.machine.mmio_read(GuestPhys(registers + offset), 4); }
  void set(u32 offset, u32 value) { m.machine.mmio_write(GuestPhys(registers + offset), value, 4); }
  template <class T>
  void put(u64 address, const T& value) {
    m.machine.ram().write(GuestPhys(address), value);
  }
  template <class T>
  T look(u64 address) {
    return m.machine.ram().read<T>(GuestPhys(address)).value();
  }

  void describe(u16 n, u64 address, u32 length, u16 flags, u16 next = 0) {
    put(kDescriptors + n * sizeof(rs_vring_descriptor), rs_vring_descriptor{address, length, flags, next});
  }
  /// A request for `bytes` at `sector`, descriptors `first` to `first + 2`.
  void block_request(u16 first, u32 type, u64 sector, u32 bytes) {
    put(kHeader + first * 16, rs_virtio_block_header{type, 0, sector});
    const u16 data = type == RS_VIRTIO_BLOCK_IN ? RS_VRING_WRITE : 0;
    describe(first, kHeader + first * 16, 16, RS_VRING_NEXT, static_cast<u16>(first + 1));
    describe(static_cast<u16>(first + 1), kData, bytes, RS_VRING_NEXT | data, static_cast<u16>(first + 2));
    describe(static_cast<u16>(first + 2), kStatus, 1, RS_VRING_WRITE);
    put(kStatus, u8{0xEE});
  }
  void offer(u16 head) {
    put(kAvailable + 4 + 2 * (added % kSize), head);
    put(kAvailable + 2, ++added);
  }
  void notify(u32 queue = 0) { set(RS_VIRTIO_REG_QUEUE_NOTIFY, queue); }
  void interrupt_after(u16 used) { put(kAvailable + 4 + 2 * kSize, used); }
  u16 used() { return look<u16>(kUsed + 2); }
  u16 wants_notification_after() { return look<u16>(kUsed + 4 + 8 * kSize); }
  bool needs_reset() { return get(RS_VIRTIO_REG_STATUS) & RS_VIRTIO_STATUS_NEEDS_RESET; }

  TestMachine& m;
  u32 registers;
  u16 added = 0;

 protected:
  explicit RingDriver(TestMachine& m) : m(m), registers(0) {}  ///< for another transport
};

}  // namespace ringside
