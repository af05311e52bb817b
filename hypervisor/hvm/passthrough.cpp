// Devices that the guest drives by itself: what remains of the monitor is the table of the I/O-MMU.
//
// The device's registers are mapped (exit_ept.cpp), its accesses to memory are checked in hardware, and its
// interrupts are posted: at the next instruction boundary with IF=1 the processor takes the vector from the
// interrupt controller and delivers it through the guest's IDT, without an exit. Simplified: what real
// hardware posts into a virtual local APIC lies here in the 8259 pair, so the guest's accesses to those ports
// do not exit either, as accesses to a virtual APIC do not. Manual: Intel SDM vol. 3 sections 25.6.4 (I/O
// bitmaps), 30.6 (posted interrupts).
#include "cpu/host_error.h"
#include "hypervisor/hvm/vmx_monitor.h"

namespace ringside {

void VmxMonitor::set_up_passthrough() {
  if (!ept_) throw HostError("a device cannot be passed through without EPT: give --ept-levels 4 or 2");
  io_mmu_.emplace(host.memory, host.frames, host.machine.ram());
  host.machine.dma().permits = [this](GuestPhys address, u64 bytes, bool write) {
    return io_mmu_->permits(address, bytes, write);
  };
  vmcs_.external_interrupt_exiting = false;
  vmcs_.use_io_bitmaps = true;
  vmcs_.io_bitmap.fill(0xFF);
  for (const int port :
       {RS_PORT_PIC_MASTER, RS_PORT_PIC_MASTER + 1, RS_PORT_PIC_SLAVE, RS_PORT_PIC_SLAVE + 1})
    vmcs_.io_bitmap[static_cast<std::size_t>(port) / 8] &= static_cast<u8>(~(1u << port % 8));
}

}  // namespace ringside
