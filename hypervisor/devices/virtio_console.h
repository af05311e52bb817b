// A terminal behind rings: the virtio console device.
//
// Modelled: one port, text out of the transmit queue, typed text into the buffers of the receive queue. It is
// the same terminal as the serial port's: what was typed goes to whichever of the two the guest last printed
// on. Simplified: no multiport, no terminal size. Specification: virtio 1.2, section 5.3.
#pragma once

#include "hypervisor/devices/uart.h"
#include "hypervisor/devices/virtio_device.h"

namespace ringside {

class VirtioConsole final : public VirtioDevice {
 public:
  VirtioConsole(const Clock& clock, IrqLine irq, const Dma& dma, Uart& serial, ConsoleLog& log)
      : VirtioDevice(clock, irq, dma, RS_VIRTIO_ID_CONSOLE, 2), serial_(serial), log_(log) {}

  /// Somebody has typed at the terminal.
  void typed() {
    if (driver_ready()) process();
  }
  State state() const { return transport_state(); }
  void restore(const State& state) { restore_transport(state); }
  bool present() const override { return true; }

 private:
  void process() override;
  void transmit();
  void receive();

  Uart& serial_;
  ConsoleLog& log_;
};

}  // namespace ringside
