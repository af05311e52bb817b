// The machine's devices and where each of them sits: the one list of ports, memory ranges and interrupt
// lines.
//
// To add a device: a file pair in devices/, a member of Machine::Devices, a row in kPortMap (or kMemoryMap),
// a test.
#pragma once

#include "hypervisor/abi/lance.h"
#include "hypervisor/devices/cmos.h"
#include "hypervisor/devices/ide.h"
#include "hypervisor/devices/io_apic.h"
#include "hypervisor/devices/keyboard.h"
#include "hypervisor/devices/lance.h"
#include "hypervisor/devices/pci.h"
#include "hypervisor/devices/pic.h"
#include "hypervisor/devices/pit.h"
#include "hypervisor/devices/simple_ports.h"
#include "hypervisor/devices/uart.h"
#include "hypervisor/devices/unclaimed.h"
#include "hypervisor/devices/vga.h"
#include "hypervisor/devices/virtio_block.h"
#include "hypervisor/devices/virtio_console.h"
#include "hypervisor/devices/virtio_net.h"
#include "hypervisor/devices/virtio_pci.h"
#include "hypervisor/machine.h"

namespace ringside {

enum class DeviceId : u8 {
  None,
  Pic,
  Pit,
  Keyboard,
  Speaker,
  Cmos,
  Post,
  SystemControl,
  CoprocessorError,
  DebugConsole,
  ExitPort,
  Ide,
  VgaRegisters,
  VgaMemory,
  Uart,
  PortWindow,
  VirtioBlock,
  VirtioConsole,
  VirtioNet,
  Lance,
  Pci,
  LocalApic,
  IoApic,
  kCount
};

/// Interrupt lines, for the wiring and for whoever shows it.
struct IrqAssignment {
  u8 irq;
  DeviceId device;
  const char* name;
};
inline constexpr IrqAssignment kIrqMap[] = {
    {RS_IRQ_TIMER, DeviceId::Pit, "timer"},
    {RS_IRQ_KEYBOARD, DeviceId::Keyboard, "keyboard"},
    {RS_IRQ_UART, DeviceId::Uart, "serial"},
    {RS_IRQ_RTC, DeviceId::Cmos, "clock"},
    {CoprocessorError::kIrq, DeviceId::CoprocessorError, "x87 error"},
    {RS_IRQ_IDE, DeviceId::Ide, "disk"},
    {RS_IRQ_VIRTIO_BLOCK, DeviceId::VirtioBlock, "ring disk"},
    {RS_IRQ_VIRTIO_CONSOLE, DeviceId::VirtioConsole, "ring console"},
    {RS_IRQ_VIRTIO_NET, DeviceId::VirtioNet, "ring network card"},
    {RS_IRQ_LANCE, DeviceId::Lance, "network card"},
};

/// The cards that the PCI bus may have. INTA# of each shares its line, level-triggered, with the same device
/// over MMIO; its ports are where the guest wants them, these are the firmware's choice.
struct CardAssignment {
  DeviceId device;
  PciSlot slot;
};
inline constexpr CardAssignment kPciMap[] = {
    {DeviceId::VirtioBlock, {.number = 4, .ports = 0xC000, .irq = RS_IRQ_VIRTIO_BLOCK}},
    {DeviceId::VirtioConsole, {.number = 5, .ports = 0xC080, .irq = RS_IRQ_VIRTIO_CONSOLE}},
    {DeviceId::VirtioNet, {.number = 6, .ports = 0xC100, .irq = RS_IRQ_VIRTIO_NET}},
};

struct PortRange {
  u16 first, count;
  u8 width;  ///< widest access that the device takes in one piece; wider ones arrive byte by byte
  DeviceId device;
  u8 offset;  ///< of the first port, within the device
  const char* name;
};
inline constexpr PortRange kPortMap[] = {
    {RS_PORT_PIC_MASTER, 2, 1, DeviceId::Pic, 0, "interrupt controller, master"},
    {RS_PORT_PIT_CHANNEL0, 4, 1, DeviceId::Pit, 0, "timer"},
    {RS_PORT_KEYBOARD_DATA, 1, 1, DeviceId::Keyboard, 0, "keyboard"},
    {RS_PORT_SYSTEM_CONTROL, 1, 1, DeviceId::Speaker, 0, "speaker"},
    {RS_PORT_KEYBOARD_STATUS, 1, 1, DeviceId::Keyboard, 4, "keyboard"},
    {RS_PORT_CMOS_INDEX, 2, 1, DeviceId::Cmos, 0, "clock and CMOS memory"},
    {RS_PORT_POST, 16, 1, DeviceId::Post, 0, "POST code, DMA pages"},
    {RS_PORT_FAST_A20, 1, 1, DeviceId::SystemControl, 0, "system control"},
    {RS_PORT_PIC_SLAVE, 2, 1, DeviceId::Pic, 2, "interrupt controller, slave"},
    {RS_PORT_DEBUG_CONSOLE, 1, 1, DeviceId::DebugConsole, 0, "debug console"},
    {0xF0, 1, 1, DeviceId::CoprocessorError, 0, "x87 error"},
    {RS_PORT_EXIT, 1, 4, DeviceId::ExitPort, 0, "exit"},
    {RS_PORT_IDE_DATA, 1, 4, DeviceId::Ide, 0, "disk data"},
    {RS_PORT_IDE_DATA + 1, 7, 1, DeviceId::Ide, 1, "disk"},
    {0x3C0, 27, 1, DeviceId::VgaRegisters, 0, "VGA"},
    {RS_PORT_IDE_CONTROL, 1, 1, DeviceId::Ide, 8, "disk control"},
    {RS_LANCE_PORTS, 16, 1, DeviceId::Lance, 0, "network card, PROM"},
    {RS_LANCE_PORTS + 16, 8, 2, DeviceId::Lance, 16, "network card"},
    {RS_PORT_UART, 8, 1, DeviceId::Uart, 0, "serial port"},
    {0x4D0, 2, 1, DeviceId::Pic, 4, "interrupt edge/level control"},
    {0xCF8, 8, 4, DeviceId::Pci, 0, "PCI configuration"},
};
/// No device but the PCI cards has a port from here up.
inline constexpr unsigned kPortSpace = 0xD00;

struct MemoryRange {
  u32 first, bytes;
  DeviceId device;
  const char* name;
  bool rings = false;  ///< reads and writes guest memory by itself: a guest may be given it whole
};
/// The local APIC has no row: the processor says where it lies (IA32_APIC_BASE), over whatever is there.
inline constexpr MemoryRange kMemoryMap[] = {
    {RS_VGA_WINDOW, Vga::kWindowBytes, DeviceId::VgaMemory, "VGA memory"},
    {RS_MMIO_PORTS, RS_MMIO_PORTS_BYTES, DeviceId::PortWindow, "ports, memory-mapped"},
    {RS_VIRTIO_BLOCK, RS_VIRTIO_REGISTER_BYTES, DeviceId::VirtioBlock, "ring disk", true},
    {RS_VIRTIO_CONSOLE, RS_VIRTIO_REGISTER_BYTES, DeviceId::VirtioConsole, "ring console", true},
    {RS_VIRTIO_NET, RS_VIRTIO_REGISTER_BYTES, DeviceId::VirtioNet, "ring network card", true},
    {IoApic::kBase, IoApic::kBytes, DeviceId::IoApic, "I/O APIC"},
};

struct Machine::Devices {
  Devices(const MachineConfig& config, Clock& clock, const Dma& dma, u64 ram_bytes);

  ConsoleLog console;
  PicPair pic;
  LocalApic local_apic;
  IoApic io_apic;
  Pit pit;
  A20Gate a20;
  Keyboard keyboard;
  SpeakerPort speaker;
  Cmos cmos;
  PostPorts post;
  SystemControl system_control;
  CoprocessorError coprocessor_error;
  DebugConsole debug_console;
  ExitPort exit_port;
  Ide ide;
  Vga vga;
  Uart uart;
  VirtioBlock virtio_block;
  VirtioConsole virtio_console;
  VirtioNet virtio_net;
  Lance lance;
  std::array<VirtioPci, std::size(kPciMap)> cards;  ///< of kPciMap; plugged in if the machine is to have them
  Pci pci;
  UnclaimedLog unclaimed;

  /// What a snapshot keeps of the devices. Disks' contents, the console's text and what is
  /// on the network's cables are kept by their owners.
  struct State {
    PicPair::State pic;
    LocalApic::State local_apic;
    IoApic::State io_apic;
    Pit::State pit;
    Keyboard::State keyboard;
    u8 speaker = 0;
    Cmos::State cmos;
    bool a20 = true;
    PostPorts::State post{};
    SystemControl::State system_control;
    std::optional<u8> exit_code;
    Ide::State ide;
    Vga::State vga;
    Uart::State uart;
    VirtioBlock::State virtio_block;
    VirtioConsole::State virtio_console;
    VirtioNet::State virtio_net;
    Lance::State lance;
    std::array<VirtioPci::State, std::size(kPciMap)> cards;
    Pci::State pci;
    UnclaimedLog unclaimed;
    std::size_t console_bytes = 0;
    bool operator==(const State&) const = default;
  };
  State save() const;
  void restore(const State& state);

  bool has(DeviceId id) const { return table_[static_cast<std::size_t>(id)] || id == DeviceId::PortWindow; }
  /// The 8259 pair requests, and the request reaches the processor.
  bool interrupt_of_8259() const {
    return pic.interrupt_pending() && (local_apic.takes_8259() || io_apic.takes_8259());
  }
  Device* by_id(DeviceId id) { return table_[static_cast<std::size_t>(id)]; }
  /// From now on accesses go to a device of somebody else's making (labs/). It does not act by itself.
  void put_in_place(DeviceId id, Device& device) { table_[static_cast<std::size_t>(id)] = &device; }
  /// The row of a port, or nullptr.
  const PortRange* find(u16 port) const {
    return port < kPortSpace && port_index_[port] ? &kPortMap[port_index_[port] - 1] : nullptr;
  }
  /// Somebody decodes this port: a row of the map or a card.
  bool answers(u16 port) const { return find(port) || pci.decode(port, 1).card; }
  /// Those that act by themselves.
  std::array<Device*, 9> timed() {
    return {&pit, &uart, &ide, &cmos, &virtio_block, &virtio_console, &virtio_net, &lance, &local_apic};
  }
  /// The earliest deadline of all devices, kept up to date by the machine.
  u64 next_deadline = kNoDeadline;
  void update_deadline();
  /// After an access to a device: only one that acts by itself can have another deadline now.
  void accessed(DeviceId id) {
    if (timed_[static_cast<std::size_t>(id)]) update_deadline();
  }

 private:
  void plug_cards(const PciCards& wanted);

  std::array<Device*, static_cast<std::size_t>(DeviceId::kCount)> table_{};
  std::array<bool, static_cast<std::size_t>(DeviceId::kCount)> timed_{};
  std::array<u8, kPortSpace> port_index_{};
};

}  // namespace ringside
