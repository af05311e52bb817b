// A disk behind a ring: the virtio block device.
//
// Modelled: IN, OUT and FLUSH, completion after a simulated service time. The disk serves one request at a
// time, in order; requests that wait together cost one notification and may cost one interrupt. Simplified:
// service time is a constant and a time per byte, those of a flash disk. Specification: virtio 1.2, section
// 5.2.
#pragma once

#include <deque>
#include <memory>

#include "hypervisor/devices/block_backend.h"
#include "hypervisor/devices/virtio_device.h"

namespace ringside {

class VirtioBlock final : public VirtioDevice {
 public:
  static constexpr u64 kServiceMicroseconds = 4, kBytesPerMicrosecond = 512;

  struct Request {
    Virtqueue::Chain chain;
    u64 due = 0;  ///< when the disk has done it
    bool operator==(const Request&) const = default;
  };
  struct State {
    VirtioDevice::State transport;
    std::deque<Request> requests;
    bool operator==(const State&) const = default;
  };

  /// `disk` may be null: then there is no device.
  VirtioBlock(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<BlockBackend> disk);

  u64 deadline() const override;
  void advance() override;

  State state() const { return {transport_state(), requests_}; }
  void restore(const State& state);
  bool present() const override { return disk_ != nullptr; }

 private:
  u32 configuration(u32 offset) const override;
  void process() override;
  void abandon() override { requests_.clear(); }
  void finish(const Virtqueue::Chain& chain);
  u8 carry_out(const Virtqueue::Chain& chain, u32& written);

  std::shared_ptr<BlockBackend> disk_;
  std::deque<Request> requests_;
};

}  // namespace ringside
