// Guest memory as an emulated instruction of this monitor reaches it: devices are the monitor's device
// models.
#pragma once

#include "hypervisor/emulate/guest_operands.h"
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {

class MonitoredOperands final : public PagedOperands {
 public:
  /// With the rights of the guest's current privilege level.
  MonitoredOperands(VmxMonitor& monitor, const CpuState& guest)
      : PagedOperands(monitor.host, guest, guest.cpl() == 3), monitor_(monitor) {}

 private:
  u32 device_read(GuestPhys address, unsigned size) override { return monitor_.mmio_read(address, size); }
  void device_write(GuestPhys address, u32 value, unsigned size) override {
    monitor_.mmio_write(address, value, size);
  }
  void ram_written(GuestPhys address, unsigned bytes) override {
    monitor_.guest_memory_written(address, bytes);
  }

  VmxMonitor& monitor_;
};

}  // namespace ringside
