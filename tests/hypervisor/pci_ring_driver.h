// The driver's side of a ring device on the PCI bus: found by its capabilities and set up by the book.
#pragma once

#include <map>

#include "tests/hypervisor/ring_driver.h"

namespace ringside {

/// A function on bus 0, through CF8h and CFCh.
struct PciFunctionAccess {
  TestMachine& m;
  u8 device, function = 0;

  void select(u8 at) {
    m.machine.port_out(0xCF8, 0x80000000 | device << 11 | function << 8 | (at & 0xFC), 4);
  }
  u32 get(u8 at, unsigned size = 4) {
    select(at);
    return m.machine.port_in(static_cast<u16>(0xCFC + (at & 3)), size);
  }
  void set(u8 at, u32 value, unsigned size = 4) {
    select(at);
    m.machine.port_out(static_cast<u16>(0xCFC + (at & 3)), value, size);
  }
};

struct PciRingDriver : RingDriver {
  enum Kind : u8 { kCommon = 1, kNotify = 2, kIsr = 3, kDevice = 4, kWindow = 5 };
  // Of the common configuration (virtio 1.2 section 4.1.4.3).
  static constexpr u32 kDeviceFeaturesSelect = 0, kDeviceFeatures = 4, kDriverFeaturesSelect = 8,
                       kDriverFeatures = 12, kQueues = 18, kDeviceStatus = 20, kQueueSelect = 22,
                       kQueueSize = 24, kQueueEnable = 28, kQueueDesc = 32, kQueueDriver = 40,
                       kQueueDevice = 48;

  /// `device`: its number on bus 0. Without `set_up` it is only found.
  PciRingDriver(TestMachine& m, u8 device, u16 queue = 0, bool set_up = true)
      : RingDriver(m), config{m, device} {
    base = static_cast<u16>(config.get(0x10) & ~3u);
    for (u8 at = static_cast<u8>(config.get(0x34, 1)); at; at = static_cast<u8>(config.get(at + 1, 1)))
      if (config.get(at, 1) == 9) capability[config.get(at + 3, 1)] = at;
    if (set_up) start(queue);
  }

  void start(u16 queue) {
    out(kCommon, kDeviceStatus, 0, 1);
    clear_rings();
    out(kCommon, kDeviceStatus, RS_VIRTIO_STATUS_ACKNOWLEDGE | RS_VIRTIO_STATUS_DRIVER, 1);
    out(kCommon, kDriverFeaturesSelect, 0, 4);
    out(kCommon, kDriverFeatures, 1u << RS_VIRTIO_FEATURE_EVENT_IDX, 4);
    out(kCommon, kDriverFeaturesSelect, 1, 4);
    out(kCommon, kDriverFeatures, 1u << (RS_VIRTIO_FEATURE_VERSION_1 - 32), 4);
    add_status(RS_VIRTIO_STATUS_FEATURES_OK);
    out(kCommon, kQueueSelect, queue, 2);
    out(kCommon, kQueueSize, kSize, 2);
    out(kCommon, kQueueDesc, kDescriptors, 4);
    out(kCommon, kQueueDriver, kAvailable, 4);
    out(kCommon, kQueueDevice, kUsed, 4);
    out(kCommon, kQueueEnable, 1, 2);
    add_status(RS_VIRTIO_STATUS_DRIVER_OK);
  }
  void add_status(u32 bits) { out(kCommon, kDeviceStatus, in(kCommon, kDeviceStatus, 1) | bits, 1); }

  u16 port(Kind kind, u32 offset) {
    return static_cast<u16>(base + config.get(capability[kind] + 8) + offset);
  }
  u32 in(Kind kind, u32 offset, unsigned size) { return m.machine.port_in(port(kind, offset), size); }
  void out(Kind kind, u32 offset, u32 value, unsigned size) {
    m.machine.port_out(port(kind, offset), value, size);
  }
  void notify(u16 queue = 0) { out(kNotify, 0, queue, 2); }

  PciFunctionAccess config;
  u16 base = 0;
  std::map<u32, u8> capability;  ///< where in the configuration space, by kind
};

}  // namespace ringside
