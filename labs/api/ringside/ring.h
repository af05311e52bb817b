// A disk behind a ring: you are the device. The driver puts requests into its own memory and notifies; you
// find them there, move the data, and give them back.
//
// Done for you: the registers, feature negotiation, the interrupt line, the medium. Yours: the ring, all of
// which is the guest's memory and says whatever the guest has written there. Specification: virtio 1.2,
// sections 2.7 (split virtqueues) and 5.2 (block device).
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

/// Descriptor: 16 bytes at descriptors + 16 * n. A chain's pieces to read come before those to write.
struct Descriptor {
  u64 address;  ///< guest-physical
  u32 length;
  u16 flags, next;
};
inline constexpr u16 kNext = 1, kDeviceWrites = 2, kIndirect = 4;

/// available: u16 flags, index, ring[size], used_event.      used: u16 flags, index, {u32 id, length}
/// ring[size], u16 available_event. Indices run freely and are used modulo size.
struct Queue {
  u32 size;  ///< a power of two, at most 256
  u32 descriptors, available, used;
};

/// A request: 16 bytes of header to read, then data, then one byte of status to write.
struct BlockHeader {
  u32 type, reserved;
  u64 sector;
};
inline constexpr u32 kBlockRead = 0, kBlockWrite = 1, kBlockFlush = 4;
inline constexpr u8 kBlockOk = 0, kBlockError = 1, kBlockUnsupported = 2;
inline constexpr u32 kSector = 512;

class RingVm : public Vm {
 public:
  // of Vm: read_physical() and write_physical(); false: not the guest's memory
  Queue queue();  ///< as the driver has set it up
  u32 sectors();
  bool disk_read(u32 sector, void* to);  ///< 512 bytes; false: beyond the disk
  bool disk_write(u32 sector, const void* from);
  void interrupt();      ///< raises the device's line
  void driver_broken();  ///< the driver has broken the rules: the device works no more until it is reset
};

class RingMonitor : public Monitor {
 public:
  /// The driver has notified (or it is the first time that it may have put something into the ring).
  virtual void notify(RingVm&) = 0;
  /// The driver begins anew: all indices are 0.
  virtual void reset(RingVm&) {}

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
