#include "hypervisor/devices/pci.h"

#include <algorithm>
#include <cassert>

namespace ringside {
namespace {

constexpr u32 kEnable = 0x80000000, kAddressBits = 0x80FFFFFC;
constexpr u32 kData = 4, kResetControl = 1;
constexpr u8 kResetProcessor = 4;
// The header, by double words; behind it, a card's capabilities.
constexpr u8 kCommand = 0x04, kBase = 0x10, kInterruptLine = 0x3C, kHeaderBytes = 0x40;
constexpr u16 kWritableCommand = 0x0107;  // I/O, memory, bus master, SERR#
constexpr u16 kDecodePorts = 0x0001, kBusMaster = 0x0004;
constexpr u32 kHasCapabilities = 0x0010 << 16;  // in the status register
constexpr u32 kPortSpaceBase = 1, kInta = 1 << 8;
constexpr u16 kPiix3Ide = 0x7010;
constexpr u8 kIdeTiming = 0x40;         // the chip set's own: a half for each channel,
constexpr u32 kDecodePrimary = 0x8000;  // in which only whether the channel exists is modelled

struct Function {
  u8 device_function;
  u16 vendor, device;
  u32 class_and_revision;
  u8 header_type;  ///< bit 7: the device has several functions
};
constexpr Function kChips[Pci::kChipSet] = {
    {0x00, 0x8086, 0x1237, 0x06000002, 0x00},     // 440FX host bridge
    {0x08, 0x8086, 0x7000, 0x06010000, 0x80},     // PIIX3 ISA bridge
    {0x09, 0x8086, kPiix3Ide, 0x01010000, 0x80},  // PIIX3 IDE, both channels in compatibility mode
};

constexpr int kFirstCard = Pci::kChipSet;

constexpr u32 ones(unsigned bytes) { return bytes >= 4 ? ~u32{0} : (1u << 8 * bytes) - 1; }
constexpr u32 with_byte(u32 whole, u8 at, u8 byte) {
  const unsigned shift = 8 * (at & 3);
  return (whole & ~(0xFFu << shift)) | u32{byte} << shift;
}

}  // namespace

void Pci::plug(PciCard& card, PciSlot slot) {
  assert(card_count_ < kMostCards);
  const std::size_t function = kChipSet + card_count_;
  state_.command[function] = kDecodePorts | kBusMaster;
  state_.interrupt_line[function] = slot.irq;
  state_.base[card_count_] = slot.ports;
  cards_[card_count_++] = {&card, slot};
}

Pci::Decoded Pci::decode(u16 port, unsigned size) const {
  for (unsigned i = 0; i < card_count_; ++i) {
    const u32 bytes = cards_[i].card->identity().port_bytes, offset = port - state_.base[i];
    if (!(state_.command[kChipSet + i] & kDecodePorts) || state_.base[i] > port) continue;
    if (offset < bytes && size <= bytes - offset) return {cards_[i].card, offset};
  }
  return {nullptr, 0};
}

int Pci::selected() const {
  if (!(state_.address & kEnable) || (state_.address >> 16 & 0xFF) != 0) return -1;
  const u8 wanted = static_cast<u8>(state_.address >> 8);
  for (int i = 0; i < kFirstCard; ++i)
    if (kChips[i].device_function == wanted) return i;
  for (unsigned i = 0; i < card_count_; ++i)
    if (cards_[i].slot.number << 3 == wanted) return kFirstCard + static_cast<int>(i);
  return -1;
}

u8 Pci::header_byte(int function, u8 at) const {
  const auto index = static_cast<std::size_t>(function);
  const auto part = [&](u32 value) { return static_cast<u8>(value >> 8 * (at & 3)); };
  if ((at & ~3u) == kInterruptLine)
    return part(state_.interrupt_line[index] | (function < kFirstCard ? 0 : kInta));
  if (function < kFirstCard) {
    const Function& f = kChips[index];
    switch (at & ~3u) {
      case 0x00: return part(f.vendor | u32{f.device} << 16);
      case kCommand: return part(state_.command[index]);
      case 0x08: return part(f.class_and_revision);
      case 0x0C: return part(u32{f.header_type} << 16);
      case kIdeTiming: return part(f.device == kPiix3Ide ? kDecodePrimary : 0);
      default: return 0;
    }
  }
  const PciCard::Identity id = cards_[index - kChipSet].card->identity();
  switch (at & ~3u) {
    case 0x00: return part(id.vendor | u32{id.device} << 16);
    case kCommand: return part(state_.command[index] | kHasCapabilities);
    case 0x08: return part(id.class_and_revision);
    case kBase: return part(state_.base[index - kChipSet] | kPortSpaceBase);
    case 0x2C: return part(id.subsystem_vendor | u32{id.subsystem} << 16);
    case 0x34: return part(kHeaderBytes);
    default: return 0;
  }
}

void Pci::write_header_byte(int function, u8 at, u8 value) {
  const auto index = static_cast<std::size_t>(function);
  switch (at & ~3u) {
    case kCommand: {
      u16& command = state_.command[index];
      command = static_cast<u16>(with_byte(command, at, value)) & kWritableCommand;
      break;
    }
    case kBase:
      if (function >= kFirstCard) {
        // The bits below the size stay zero: that is how a guest finds out how large it is.
        const Plugged& p = cards_[index - kChipSet];
        u32& base = state_.base[index - kChipSet];
        base = with_byte(base, at, value) & ~(p.card->identity().port_bytes - 1);
      }
      break;
    case kInterruptLine:
      if (at == kInterruptLine) state_.interrupt_line[index] = value;
      break;
    default: break;
  }
}

u32 Pci::read(u32 offset, unsigned size) {
  if (offset < kData) {
    const u32 value = size == 4 && offset == 0 ? state_.address : ~u32{0};
    return value & ones(size);
  }
  const int function = selected();
  if (function < 0) return ones(size);
  // What an access reaches behind the window does not exist.
  const u32 lane = offset - kData;
  const unsigned inside = std::min(size, 4 - lane);
  const u8 at = static_cast<u8>((state_.address & 0xFC) + lane);
  u32 value = ones(size) & ~ones(inside);
  if (at >= kHeaderBytes && function >= kFirstCard)
    return value | cards_[static_cast<std::size_t>(function - kFirstCard)].card->read_capability(at, inside);
  for (unsigned i = 0; i < inside; ++i) value |= u32{header_byte(function, static_cast<u8>(at + i))} << 8 * i;
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
  const u32 lane = offset - kData;
  const unsigned inside = std::min(size, 4 - lane);
  const u8 at = static_cast<u8>((state_.address & 0xFC) + lane);
  if (at >= kHeaderBytes) {
    if (function >= kFirstCard)
      cards_[static_cast<std::size_t>(function - kFirstCard)].card->write_capability(at, value & ones(inside),
                                                                                     inside);
    return;
  }
  for (unsigned i = 0; i < inside; ++i)
    write_header_byte(function, static_cast<u8>(at + i), static_cast<u8>(value >> 8 * i));
}

}  // namespace ringside
