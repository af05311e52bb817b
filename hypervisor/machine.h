// The machine that a guest believes it has: RAM, a port and memory-mapped bus, a small real PC's devices, a
// clock.
//
// The same class serves every mode: on bare metal the processor's pins reach it directly, under a monitor it
// is the set of device models that the monitor emulates. Devices know offsets, never their addresses;
// hypervisor/ machine_layout.h maps them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hypervisor/abi/ports.h"
#include "hypervisor/devices/block_backend.h"
#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/dma.h"
#include "hypervisor/guest_memory.h"
#include "hypervisor/network/port.h"

namespace ringside {

/// What helps a guest that nobody rebuilt, if it looks for it: the ring devices as cards on the PCI bus.
struct PciCards {
  bool block = false, console = false, net = false;  ///< block and net: if there is a disk, a network
};

struct MachineConfig {
  std::shared_ptr<BlockBackend> disk;  ///< nullptr = no disk
  std::shared_ptr<BlockBackend> second_disk;
  std::shared_ptr<NetworkPort> network;  ///< nullptr = no network card
  std::string console_input;             ///< typed at the serial console from the start
  bool apic = false;                     ///< a local APIC and an I/O APIC beside the 8259 pair
  PciCards cards;
};

class Machine {
 public:
  Machine(GuestMemory ram, MachineConfig config, Clock& clock);
  ~Machine();

  GuestMemory& ram() { return ram_; }
  /// The way of the devices to that memory.
  Dma& dma() { return dma_; }

  // -- the bus. Sizes 1, 2, 4. Ports nobody owns read as all ones; writes to them vanish.
  u32 port_in(u16 port, unsigned size);
  void port_out(u16 port, u32 value, unsigned size);
  bool is_mmio(GuestPhys address) const;  ///< a device, a hole or beyond RAM
  u32 mmio_read(GuestPhys address, unsigned size);
  void mmio_write(GuestPhys address, u32 value, unsigned size);
  /// A device that a guest may drive without its monitor: it reads and writes guest memory by itself.
  bool has_rings(GuestPhys address) const;
  /// Requests that ring devices have taken, all of them, since the start.
  u64 ring_requests() const;

  // -- interrupts
  bool interrupt_pending() const;  ///< the processor's INTR: from the 8259 pair or the local APIC
  u8 acknowledge_interrupt();
  /// IA32_APIC_BASE at power-on; 0 without a local APIC.
  u64 apic_base() const;
  /// The guest has written IA32_APIC_BASE.
  void set_apic_base(u64 value);

  /// What an access to a device may have changed for the processor.
  struct Signals {
    bool interrupt;  ///< interrupt_pending()
    bool over;       ///< exit_code() or reset_cause()
    u64 deadline;    ///< next_deadline()
  };
  Signals signals() const;

  // -- the A20 gate
  /// Where an address of the processor comes out behind the gate.
  GuestPhys through_a20(GuestPhys address) const;
  /// Calls `listener` whenever the guest opens or closes the gate, from within its access to the device.
  void on_a20(std::function<void(bool on)> listener);

  // -- time
  static constexpr u64 kNever = ~u64{0};
  u64 next_deadline() const;  ///< when a device next wants to act; kNever if none does
  void advance();             ///< lets devices act up to clock.now()
  /// A frame may be on its way to the network card, sent by another machine.
  void network_changed();

  // -- the outside world
  const std::string& console() const;  ///< what the guest printed: serial port and port E9h, in order
  /// Calls `reader` whenever the guest ends a line on the console, on the thread that runs it.
  void on_console_line(std::function<void()> reader);
  void type(std::string_view text);     ///< at the terminal: serial port or ring console
  void press_key(u8 scancode);          ///< to the PS/2 keyboard (set 1)
  std::optional<u8> exit_code() const;  ///< written to port F4h; the run ends there
  /// Who pulled the processor's reset line at the guest's wish, or nullptr. There is no firmware to restart:
  /// the run ends.
  const char* reset_cause() const;
  void power_off(u8 code);             ///< as a write of `code` to port F4h; for paravirtual shutdown
  bool console_input_waiting() const;  ///< typed text that the guest has not read yet
  void print(std::string_view text);   ///< appends to console(); for paravirtual consoles

  struct Devices;  ///< machine_layout.h
  Devices& devices() { return *devices_; }

 private:
  GuestMemory ram_;
  Dma dma_;
  MachineConfig config_;
  Clock& clock_;
  std::unique_ptr<Devices> devices_;
};

}  // namespace ringside
