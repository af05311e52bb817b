// What the processor's pins reach besides RAM: port space, memory-mapped devices, the interrupt controller.
#pragma once

#include "cpu/address.h"

namespace ringside {

/// Implemented by the machine. Sizes are 1, 2 or 4 bytes; a value is zero-extended.
/// A device may call Cpu::request_stop() or Cpu::set_interrupt_line() from inside any of these; the processor
/// honours both at the next instruction boundary.
class Bus {
 public:
  virtual ~Bus() = default;
  virtual u32 port_in(u16 port, unsigned size) = 0;
  virtual void port_out(u16 port, u32 value, unsigned size) = 0;
  virtual u32 mmio_read(MachinePhys address, unsigned size) = 0;
  virtual void mmio_write(MachinePhys address, u32 value, unsigned size) = 0;
  /// The INTA cycle: returns the vector and makes the interrupt in service.
  virtual u8 acknowledge_interrupt() = 0;
  /// FERR#: an x87 error waits to be reported and CR0.NE is 0, so that the PC does it by IRQ 13. The
  /// processor holds still until an interrupt; the handler's write to port F0h should then set
  /// FpuState::error_ignored (IGNNE#).
  virtual void numeric_error() {}
  /// WRMSR to IA32_APIC_BASE, which has taken `value`: the local APIC moves, or appears, or disappears.
  virtual void apic_base_written(u64 value) { (void)value; }
  /// What RDTSC returns: cycles of the simulated clock, now.
  virtual u64 read_tsc() = 0;
};

}  // namespace ringside
