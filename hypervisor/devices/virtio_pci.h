// A ring device as a card on the PCI bus: the transport that the drivers of other people's kernels look for.
//
// Modelled: the "modern" transport of virtio 1: vendor capabilities that say where the common configuration,
// the notification register, the interrupt status and the device's own configuration lie, all of them behind
// one base address in port space, so that an access is an IN or an OUT in every technique; the window onto
// them through the configuration space; INTA#. Every register is one of the same device's MMIO transport
// (virtio_device.h), so that this is a table of addresses and the few differences. Simplified: one
// notification register for all queues, no MSI-X, no legacy interface, no way to poll.
// Specification: virtio 1.2, sections 4.1.2 (discovery), 4.1.4 (layout), 4.1.5 (initialisation).
#pragma once

#include "hypervisor/devices/pci.h"
#include "hypervisor/devices/virtio_device.h"

namespace ringside {

class VirtioPci final : public PciCard {
 public:
  // Behind the base address.
  static constexpr u32 kPorts = 0x80;
  static constexpr u32 kCommon = 0, kCommonBytes = 0x38, kInterruptStatus = 0x38, kNotify = 0x3C,
                       kConfiguration = 0x40;

  struct State {
    u8 bar = 0;                  ///< of the window; only 0 exists
    u32 offset = 0, length = 0;  ///< what it shows
    bool operator==(const State&) const = default;
  };

  explicit VirtioPci(VirtioDevice& device) : device_(device) {}
  bool present() const { return device_.present(); }

  Identity identity() const override;
  u32 read_capability(u8 at, unsigned size) override;
  void write_capability(u8 at, u32 value, unsigned size) override;

  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  bool window_open() const;

  VirtioDevice& device_;
  State state_;
};

}  // namespace ringside
