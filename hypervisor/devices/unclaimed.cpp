#include "hypervisor/devices/unclaimed.h"

#include <algorithm>

namespace ringside {

void UnclaimedLog::count(AddressSpace space, u32 address, bool write) {
  if (space == AddressSpace::Memory) address &= ~kPageMask;
  auto place = std::find_if(places_.begin(), places_.end(), [&](const UnclaimedAccess& p) {
    return p.address == address && p.space == space;
  });
  if (place == places_.end()) {
    if (places_.size() < kMostPlaces)
      place = places_.insert(places_.end(), UnclaimedAccess{});
    else
      place = std::min_element(places_.begin(), places_.end(),
                               [](const auto& a, const auto& b) { return a.last < b.last; });
    *place = {.space = space, .address = address};
  }
  ++(write ? place->writes : place->reads);
  place->last = ++total_;
}

namespace {

struct Usual {
  AddressSpace space;
  u32 first, last;
  std::string_view device;
};

constexpr AddressSpace kPort = AddressSpace::Port, kMemory = AddressSpace::Memory, kMsr = AddressSpace::Msr;
// The ISA's and the chipsets' habits, the Intel SDM vol. 4 for the registers.
constexpr Usual kUsual[] = {
    {kPort, 0x000, 0x01F, "DMA controller 1"},
    {kPort, 0x022, 0x023, "chipset configuration"},
    {kPort, 0x02E, 0x02F, "Super I/O configuration"},
    {kPort, 0x04E, 0x04F, "Super I/O configuration"},
    {kPort, 0x062, 0x062, "embedded controller"},
    {kPort, 0x066, 0x066, "embedded controller"},
    {kPort, 0x081, 0x08F, "DMA page registers"},
    {kPort, 0x0B2, 0x0B3, "system management interrupt"},
    {kPort, 0x0C0, 0x0DF, "DMA controller 2"},
    {kPort, 0x0ED, 0x0ED, "nothing: a delay"},
    {kPort, 0x100, 0x107, "Micro Channel configuration"},
    {kPort, 0x170, 0x177, "second IDE channel"},
    {kPort, 0x1CE, 0x1D0, "Bochs VBE display"},
    {kPort, 0x200, 0x20F, "joystick"},
    {kPort, 0x220, 0x22F, "Sound Blaster"},
    {kPort, 0x240, 0x25F, "network card of NE2000's kind"},
    {kPort, 0x278, 0x27F, "second parallel port, ISA Plug and Play"},
    {kPort, 0x2E8, 0x2EF, "fourth serial port"},
    {kPort, 0x2F8, 0x2FF, "second serial port"},
    {kPort, 0x330, 0x331, "MIDI, or a SCSI adapter"},
    {kPort, 0x340, 0x35F, "network card of NE2000's kind"},
    {kPort, 0x370, 0x375, "second floppy controller"},
    {kPort, 0x376, 0x377, "second IDE channel"},
    {kPort, 0x378, 0x37F, "parallel port"},
    {kPort, 0x388, 0x38B, "FM synthesizer"},
    {kPort, 0x3B0, 0x3BB, "monochrome display"},
    {kPort, 0x3BC, 0x3BF, "third parallel port"},
    {kPort, 0x3E0, 0x3E7, "PC Card controller"},
    {kPort, 0x3E8, 0x3EF, "third serial port"},
    {kPort, 0x3F0, 0x3F7, "floppy controller"},
    {kPort, 0x402, 0x402, "Bochs debug console"},
    {kPort, 0x480, 0x48F, "DMA page registers, high"},
    {kPort, 0x4D6, 0x4D6, "DMA controller 2, extended mode"},
    {kPort, 0x510, 0x51B, "QEMU firmware configuration"},
    {kPort, 0x5658, 0x5659, "VMware backdoor"},
    {kPort, 0x600, 0x60F, "ACPI power management"},
    {kPort, 0xA79, 0xA79, "ISA Plug and Play"},
    {kPort, 0xB000, 0xB03F, "ACPI power management"},
    {kMemory, 0x000A0000, 0x000AFFFF, "VGA graphics memory"},
    {kMemory, 0x000B0000, 0x000B7FFF, "monochrome display"},
    {kMemory, 0x000C0000, 0x000DFFFF, "option ROMs"},
    {kMemory, 0xE0000000, 0xEFFFFFFF, "PCI Express configuration"},
    {kMemory, 0xFEC00000, 0xFEC00FFF, "I/O APIC"},
    {kMemory, 0xFED00000, 0xFED00FFF, "HPET"},
    {kMemory, 0xFED40000, 0xFED44FFF, "trusted platform module"},
    {kMemory, 0xFEE00000, 0xFEE00FFF, "local APIC"},
    {kMemory, 0xFFF00000, 0xFFFFFFFF, "firmware ROM"},
    {kMsr, 0x00, 0x01, "machine check"},
    {kMsr, 0x17, 0x17, "platform identification"},
    {kMsr, 0x1B, 0x1B, "local APIC base"},
    {kMsr, 0x2A, 0x2C, "power-on configuration"},
    {kMsr, 0x3A, 0x3A, "feature control: VMX"},
    {kMsr, 0x3B, 0x3B, "time-stamp counter adjustment"},
    {kMsr, 0x48, 0x49, "speculation control"},
    {kMsr, 0x79, 0x79, "microcode update"},
    {kMsr, 0x8B, 0x8B, "microcode revision"},
    {kMsr, 0xC1, 0xC8, "performance counters"},
    {kMsr, 0xCD, 0xCE, "bus speed, platform information"},
    {kMsr, 0xFE, 0xFE, "memory type ranges"},
    {kMsr, 0x10A, 0x10A, "architectural capabilities"},
    {kMsr, 0x119, 0x11E, "cache control"},
    {kMsr, 0x140, 0x140, "feature enables"},
    {kMsr, 0x174, 0x176, "SYSENTER"},
    {kMsr, 0x179, 0x17B, "machine check"},
    {kMsr, 0x186, 0x189, "performance counters"},
    {kMsr, 0x198, 0x19D, "power and thermal control"},
    {kMsr, 0x1A0, 0x1A0, "miscellaneous features"},
    {kMsr, 0x1D9, 0x1DE, "debug control, last branch"},
    {kMsr, 0x200, 0x2FF, "memory type ranges"},
    {kMsr, 0x300, 0x3FF, "performance counters"},
    {kMsr, 0x400, 0x47F, "machine check banks"},
    {kMsr, 0x480, 0x4FF, "VMX capabilities"},
    {kMsr, 0x600, 0x6FF, "power limits"},
    {kMsr, 0x800, 0x8FF, "x2APIC"},
    {kMsr, 0x40000000, 0x400000FF, "Hyper-V"},
    {kMsr, 0x4B564D00, 0x4B564DFF, "KVM's paravirtual registers"},
    {kMsr, 0xC0000080, 0xC0000080, "extended features: long mode, SYSCALL"},
    {kMsr, 0xC0000081, 0xC0000103, "SYSCALL, 64-bit segment bases"},
    {kMsr, 0xC0010000, 0xC001FFFF, "AMD's own registers"},
};

}  // namespace

std::string_view usual_device(AddressSpace space, u32 address) {
  for (const Usual& row : kUsual)
    if (row.space == space && address >= row.first && address <= row.last) return row.device;
  return {};
}

}  // namespace ringside
