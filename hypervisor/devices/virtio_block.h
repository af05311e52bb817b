// A disk behind a ring: the virtio block device over MMIO.
//
// Modelled: feature negotiation, one queue, IN, OUT and FLUSH, completion after a simulated service time,
// interrupts and their suppression, notifications and theirs; polling instead of notification, if the driver
// asks for it (RS_VIRTIO_REG_POLL). The disk serves one request at a time, in order; requests that wait
// together cost one notification and may cost one interrupt. A driver that breaks the rules gets
// DEVICE_NEEDS_RESET and a configuration interrupt; error() says what it did. Simplified: service time is a
// constant and a time per byte, those of a flash disk. Specification: virtio 1.2, sections 2.1 (status), 4.2
// (MMIO), 5.2 (block).
#pragma once

#include <deque>
#include <memory>

#include "hypervisor/block_backend.h"
#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"
#include "hypervisor/devices/virtqueue.h"

namespace ringside {

class VirtioBlock final : public Device {
 public:
  static constexpr u64 kServiceMicroseconds = 4, kBytesPerMicrosecond = 512;

  struct Request {
    Virtqueue::Chain chain;
    u64 due = 0;  ///< when the disk has done it
  };
  struct State {
    u32 device_features_select = 0, driver_features_select = 0;
    u64 driver_features = 0;
    u8 status = 0, interrupt_status = 0;
    u32 queue_select = 0;
    Virtqueue::State queue;
    std::deque<Request> requests;
    u64 poll_cycles = 0, next_poll = kNoDeadline;
    u64 notifications = 0, interrupts = 0, served = 0;
  };

  VirtioBlock(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<BlockBackend> disk);

  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override;
  void advance() override;

  State state() const;
  void restore(const State& state);
  /// What the driver did that broke the device; empty if nothing.
  const std::string& error() const { return queue_.state.broken; }
  u64 served() const { return state_.served; }

 private:
  void set_status(u8 value);
  void take_requests();
  void start_polling(u32 microseconds_between);
  void finish(const Virtqueue::Chain& chain);
  u8 carry_out(const Virtqueue::Chain& chain, u32& written);
  void signal(u8 cause);
  void broken();

  const Clock& clock_;
  IrqLine irq_;
  const Dma& dma_;
  std::shared_ptr<BlockBackend> disk_;
  Virtqueue queue_;
  State state_;
};

}  // namespace ringside
