// The ring disk with its ring in a student's hands (api/ringside/ring.h): registers, features and the
// interrupt line are our own VirtioDevice's, and what a notification sets off is the student's.
//
// It takes the place of our disk in a machine. Requests are served at once, in the notification; a driver
// that asks the device to poll is not served.
#pragma once

#include "hypervisor/devices/virtio_device.h"
#include "hypervisor/host.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "labs/framework/session.h"

namespace ringside::labs {

class RingDevice final : public VirtioDevice, private Service {
 public:
  RingDevice(Host& host, Session& session, std::shared_ptr<BlockBackend> disk);

  /// What the student's device was asked and could not do, in words for a report.
  const std::string& complaint() const { return complaint_; }

 private:
  bool present() const override { return true; }
  u32 configuration(u32 offset) const override;
  void process() override { ask(Hook::Notify); }
  void abandon() override { ask(Hook::DeviceReset); }
  void ask(Hook hook);
  bool serve(Frame& call, std::vector<u8>& payload) override;

  Host& host_;
  Session& session_;
  std::shared_ptr<BlockBackend> disk_;
  std::string complaint_;
};

/// Our monitor for the simulated VT-x, in a machine with that disk.
class RingMonitor final : public VmxMonitor {
 public:
  RingMonitor(Host& host, Session& session, std::shared_ptr<BlockBackend> disk)
      : VmxMonitor(host), device(host, session, std::move(disk)) {}

  RingDevice device;
};

}  // namespace ringside::labs
