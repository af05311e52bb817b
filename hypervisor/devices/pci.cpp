#include "hypervisor/devices/pci.h"

#include <algorithm>
#include <iterator>

namespace ringside {
namespace {

constexpr u32 kEnable = 0x80000000, kAddressBits = 0x80FFFFFC;
constexpr u32 kData = 4, kResetControl = 1;
constexpr u8 kResetProcessor = 4;
constexpr u8 kCommand = 0x04, kInterruptLine = 0x3C;
constexpr u16 kWritableCommand = 0x0107;  // I/O, memory, bus master, SERR#

struct Function {
  u8 device_function;
  u16 vendor, device;
  u32 class_and_revision;
  u8 header_type;  ///< bit 7: the device has several functions
};
constexpr Function kTable[Pci::kFunctions] = {
    {0x00, 0x8086, 0x1237, 0x06000002, 0x00},  // 440FX host bridge
    {0x08, 0x8086, 0x7000, 0x06010000, 0x80},  // PIIX3 ISA bridge
    {0x09, 0x8086, 0x7010, 0x01010000, 0x80},  // PIIX3 IDE, both channels in compatibility mode
};

}  // namespace

int Pci::selected() const {
  if (!(state_.address & kEnable) || (state_.address >> 16 & 0xFF) != 0) return -1;
  const u8 wanted = static_cast<u8>(state_.address >> 8);
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const Function& f) { return f.device_function == wanted; });
  return found == std::end(kTable) ? -1 : static_cast<int>(found - std::begin(kTable));
}

u8 Pci::configuration_byte(int function, u8 at) const {
  const Function& f = kTable[function];
  const auto index = static_cast<std::size_t>(function);
  const auto part = [&](u32 value) { return static_cast<u8>(value >> 8 * (at & 3)); };
  switch (at & ~3u) {
    case 0x00: return part(f.vendor | u32{f.device} << 16);
    case kCommand: return part(state_.command[index]);
    case 0x08: return part(f.class_and_revision);
    case 0x0C: return part(u32{f.header_type} << 16);
    case kInterruptLine: return part(state_.interrupt_line[index]);
    default: return 0;
  }
}

u32 Pci::read(u32 offset, unsigned size) {
  if (offset < kData) {
    const u32 value = size == 4 && offset == 0 ? state_.address : ~u32{0};
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
  }
  const int function = selected();
  u32 value = 0;
  for (unsigned i = 0; i < size; ++i) {
    const u32 at = offset - kData + i;
    const u8 byte = function < 0 || at > 3
                        ? u8{0xFF}
                        : configuration_byte(function, static_cast<u8>((state_.address & 0xFC) + at));
    value |= u32{byte} << 8 * i;
  }
  return value;
}

void Pci::write(u32 offset, u32 value, unsigned size) {
  if (offset < kData) {
    // Only a double word is an address; a byte at CF9h is the reset control register.
    if (offset == 0 && size == 4) state_.address = value & kAddressBits;
    if (offset == kResetControl && size == 1 && (value & kResetProcessor)) state_.reset_requested = true;
    return;
  }
  const int function = selected();
  if (function < 0) return;
  const auto index = static_cast<std::size_t>(function);
  for (unsigned i = 0; i < size && offset - kData + i < 4; ++i) {
    const u8 at = static_cast<u8>((state_.address & 0xFC) + offset - kData + i),
             byte = static_cast<u8>(value >> 8 * i);
    u16& command = state_.command[index];
    if (at == kCommand) command = static_cast<u16>(((command & 0xFF00) | byte) & kWritableCommand);
    if (at == kCommand + 1) command = static_cast<u16>(((command & 0x00FF) | byte << 8) & kWritableCommand);
    if (at == kInterruptLine) state_.interrupt_line[index] = byte;
  }
}

}  // namespace ringside
