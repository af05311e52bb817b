// A network card behind rings: the virtio network device.
//
// Modelled: one receive and one transmit queue, frames with the 12-byte header of the standard, the station
// address in the configuration. A frame that arrives while no receive buffer is there waits, and those
// after it at the switch, whose queue is bounded. Simplified: no offloads (checksums, segmentation), no
// merged buffers, no control queue; what is no Ethernet frame is dropped and counted. Specification:
// virtio 1.2, section 5.1.
#pragma once

#include <memory>

#include "hypervisor/devices/virtio_device.h"
#include "hypervisor/network/port.h"

namespace ringside {

class VirtioNet final : public VirtioDevice {
 public:
  struct State {
    VirtioDevice::State transport;
    bool listening = false;
    std::optional<Frame> waiting;
    u64 refused = 0;
    bool operator==(const State&) const = default;
  };

  /// `cable` may be null: then there is no card.
  VirtioNet(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<NetworkPort> cable);

  u64 deadline() const override;
  void advance() override;

  u64 refused() const { return refused_; }  ///< chains that were no frame, or no room for one
  State state() const { return {transport_state(), listening_, waiting_, refused_}; }
  void restore(const State& state);
  bool present() const override { return cable_ != nullptr; }

 private:
  u32 configuration(u32 offset) const override;
  void process() override;
  void abandon() override {
    listening_ = false;
    waiting_.reset();
  }
  void receive();
  void send(const Virtqueue::Chain& chain);

  std::shared_ptr<NetworkPort> cable_;
  bool listening_ = false;        ///< the driver has been there: what arrives is for it
  std::optional<Frame> waiting_;  ///< has arrived, and there is no buffer for it
  u64 refused_ = 0;
};

}  // namespace ringside
