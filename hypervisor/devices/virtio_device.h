// What all ring devices share: the registers of virtio over MMIO, its status protocol, interrupts, polling.
// virtio_pci.h puts the same registers on the PCI bus.
//
// Modelled: feature negotiation, up to two queues, notification and interrupts with both kinds of
// suppression, reset. Instead of being notified a device may look for work by itself (RS_VIRTIO_REG_POLL), as
// a host thread does that spins. A driver that breaks the rules gets DEVICE_NEEDS_RESET and a configuration
// interrupt; error() says what it did. Specification: virtio 1.2, sections 2.1 (status), 2.7 (split
// queues), 4.2 (MMIO).
#pragma once

#include "hypervisor/abi/virtio.h"
#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"
#include "hypervisor/devices/virtqueue.h"

namespace ringside {

class VirtioDevice : public Device {
 public:
  static constexpr unsigned kMostQueues = 2;

  struct State {
    u32 device_features_select = 0, driver_features_select = 0;
    u64 driver_features = 0;
    u8 status = 0, interrupt_status = 0;
    u32 queue_select = 0;
    std::array<Virtqueue::State, kMostQueues> queue{};
    u64 poll_cycles = 0, next_poll = kNoDeadline;
    u64 notifications = 0, interrupts = 0;
    u64 requests = 0;  ///< chains taken from the queues
    bool operator==(const State&) const = default;
  };

  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override { return state_.next_poll; }
  void advance() override;

  u32 id() const { return id_; }  ///< RS_VIRTIO_ID_...
  unsigned queue_count() const { return count_; }
  /// Whether the machine has the device at all; if not, its registers read as zero.
  virtual bool present() const = 0;
  /// What the driver did that broke the device; empty if nothing.
  const std::string& error() const;
  bool driver_ready() const {
    return (state_.status & RS_VIRTIO_STATUS_DRIVER_OK) && !(state_.status & RS_VIRTIO_STATUS_NEEDS_RESET);
  }
  u64 requests() const { return state_.requests; }
  State transport_state() const;
  void restore_transport(const State& state);

 protected:
  /// `features`: beyond those of the transport.
  VirtioDevice(const Clock& clock, IrqLine irq, const Dma& dma, u32 id, unsigned queues, u64 features = 0);

  /// 32 bits of the device's own configuration, from RS_VIRTIO_REG_CONFIG on.
  virtual u32 configuration(u32 /*offset*/) const { return 0; }
  /// Looks into the queues: the driver has notified, or it is time to poll.
  virtual void process() = 0;
  /// Drops what is in progress: the driver has reset the device, or broken it.
  virtual void abandon() {}

  Virtqueue& queue(unsigned i) { return queues_[i]; }
  std::optional<Virtqueue::Chain> pop(unsigned i);
  bool polling() const { return state_.poll_cycles != 0; }
  void signal(u8 cause);  ///< interrupts, whatever the driver wants
  /// After pushing: breaks the device if a queue is broken, else interrupts if the driver wants that.
  void settle(unsigned i);
  void ask_for_notification(unsigned i) {
    if (!polling()) queue(i).ask_for_notification(true);
  }

  const Clock& clock_;
  const Dma& dma_;

 private:
  void set_status(u8 value);
  void start_polling(u32 microseconds_between);
  bool break_if_broken();

  IrqLine irq_;
  u32 id_;
  u64 features_;
  unsigned count_;
  std::array<Virtqueue, kMostQueues> queues_;
  State state_;
};

}  // namespace ringside
