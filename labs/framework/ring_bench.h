// Rings written by hand for a student's disk: what the small checks of lab 08 run.
#pragma once

#include "labs/framework/ring_device.h"

namespace ringside::labs {

/// A disk whose sectors each begin with a word of their own.
constexpr u32 kMarkedSectors = 512;
u32 mark(u32 seed, u32 sector);
std::shared_ptr<BlockBackend> marked_disk(u32 seed);

class RingBench {
 public:
  static constexpr u32 kRam = 1u << 20, kSize = 16;
  static constexpr u32 kDescriptors = 0x10000, kAvailable = 0x11000, kUsed = 0x12000;
  static constexpr u32 kHeaders = 0x13000, kStatus = 0x14000, kData = 0x20000;

  RingBench(Session& session, u32 seed);

  void descriptor(u16 n, u64 address, u32 length, u16 flags, u16 next = 0);
  /// A request of three descriptors from 3 * n on, for the data at buffer(n); `status` is 0xEE until it is
  /// served.
  void request(u16 n, u32 type, u64 sector, u32 bytes = kSectorBytes);
  static constexpr u32 buffer(u32 n) { return kData + n * 0x1000; }
  u8 status(u16 n) const { return static_cast<u8>(word(kStatus + n)); }
  /// Puts a chain into the available ring without showing it.
  void offer(u16 head);
  /// Shows all that was offered.
  void show();
  void show(u16 index);  ///< whatever that may be
  void notify();
  /// After how many used entries the driver wants an interrupt.
  void interrupt_behind(u16 used) { half(kAvailable + 4 + 2 * kSize, used); }

  u16 used() const { return static_cast<u16>(word(kUsed + 2)); }
  u32 used_id(u32 n) const { return word(kUsed + 4 + 8 * (n % kSize)); }
  u32 used_length(u32 n) const { return word(kUsed + 8 + 8 * (n % kSize)); }
  u16 available_event() const { return static_cast<u16>(word(kUsed + 4 + 8 * kSize)); }
  /// Interrupts since the last call.
  u64 interrupts();
  bool broken();   ///< the device has said that the driver broke the rules
  void restart();  ///< the driver resets the device, and begins with empty rings

  u32 word(u32 at) const { return host.machine.ram().read<u32>(GuestPhys(at)).value_or(0); }
  void poke(u32 at, u32 value) { host.machine.ram().write(GuestPhys(at), value); }
  void half(u32 at, u16 value) { host.machine.ram().write(GuestPhys(at), value); }
  u32 on_disk(u32 sector) const;  ///< its first word

  const std::string& why() const { return device->complaint(); }
  std::string_view why_hint() const { return hint_; }
  /// The lab's hint if the device is lost from here on.
  void suspect(std::string_view hint) {
    if (why().empty()) hint_ = hint;
  }

  mutable Host host;
  std::shared_ptr<BlockBackend> disk;
  std::unique_ptr<RingDevice> device;

 private:
  void set(u32 reg, u32 value) { host.machine.mmio_write(GuestPhys(RS_VIRTIO_BLOCK + reg), value, 4); }
  void start();

  std::string_view hint_;
  u16 offered_ = 0;
  u64 interrupts_ = 0;
};

}  // namespace ringside::labs
