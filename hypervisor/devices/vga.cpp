#include "hypervisor/devices/vga.h"

#include <algorithm>

namespace ringside {
namespace {

enum Port : u32 {
  kAttribute = 0x00,
  kAttributeRead = 0x01,
  kMisc = 0x02,
  kSequencerIndex = 0x04,
  kSequencerData = 0x05,
  kPaletteRead = 0x07,
  kPaletteWrite = 0x08,
  kPaletteData = 0x09,
  kFeatureRead = 0x0A,
  kMiscRead = 0x0C,
  kGraphicsIndex = 0x0E,
  kGraphicsData = 0x0F,
  kCrtcIndex = 0x14,
  kCrtcData = 0x15,
  kStatus = 0x1A,
};
constexpr u64 kFrameHz = 70, kLineHz = 31469;
constexpr u8 kBlank = 0x07;  // light grey on black

/// The registers of text mode 3, as firmware leaves them.
constexpr u8 kCrtcMode3[] = {0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00,
                             0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF};

}  // namespace

Vga::Vga(const Clock& clock) : clock_(clock) {
  for (u32 i = 0; i < kTextBytes; i += 2) {
    state_.text[i] = ' ';
    state_.text[i + 1] = kBlank;
  }
  std::copy(std::begin(kCrtcMode3), std::end(kCrtcMode3), state_.crtc.begin());
}

u32 Vga::Memory::read(u32 offset, unsigned size) {
  u32 value = 0;
  for (unsigned i = 0; i < size; ++i) {
    const u32 at = offset + i - kTextOffset;
    value |= u32{at < kTextBytes ? vga.state_.text[at] : u8{0xFF}} << 8 * i;
  }
  return value;
}

void Vga::Memory::write(u32 offset, u32 value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) {
    const u32 at = offset + i - kTextOffset;
    if (at < kTextBytes) vga.state_.text[at] = static_cast<u8>(value >> 8 * i);
  }
}

u8 Vga::read_register(u32 offset) {
  State& s = state_;
  switch (offset) {
    case kAttribute: return s.attribute_index;
    case kAttributeRead: return s.attribute[s.attribute_index & 31];
    case kSequencerIndex: return s.sequencer_index;
    case kSequencerData: return s.sequencer[s.sequencer_index & 7];
    case kPaletteRead: return 3;
    case kPaletteWrite: return static_cast<u8>(s.palette_write / 3);
    case kPaletteData: {
      const u8 value = s.palette[s.palette_read];
      s.palette_read = (s.palette_read + 1) % 768;
      return value;
    }
    case kFeatureRead: return s.feature;
    case kMiscRead: return s.misc;
    case kGraphicsIndex: return s.graphics_index;
    case kGraphicsData: return s.graphics[s.graphics_index & 15];
    case kCrtcIndex: return s.crtc_index;
    case kCrtcData: return s.crtc[s.crtc_index & 31];
    case kStatus: {
      s.attribute_data = false;
      // In the last twentieth of a frame the beam flies back; in the last fifth of a line too.
      const u64 now = clock_.now(), hz = clock_.hz();
      const bool vertical = ticks_at(now, kFrameHz * 20, hz) % 20 == 19;
      const bool horizontal = ticks_at(now, kLineHz * 5, hz) % 5 == 4;
      return static_cast<u8>((vertical || horizontal ? 1 : 0) | (vertical ? 8 : 0));
    }
    default: return 0xFF;
  }
}

void Vga::write_register(u32 offset, u8 value) {
  State& s = state_;
  switch (offset) {
    case kAttribute:
      if (s.attribute_data)
        s.attribute[s.attribute_index & 31] = value;
      else
        s.attribute_index = value & 0x3F;
      s.attribute_data = !s.attribute_data;
      break;
    case kMisc: s.misc = value; break;
    case kSequencerIndex: s.sequencer_index = value; break;
    case kSequencerData: s.sequencer[s.sequencer_index & 7] = value; break;
    case kPaletteRead: s.palette_read = static_cast<u16>(value * 3); break;
    case kPaletteWrite: s.palette_write = static_cast<u16>(value * 3); break;
    case kPaletteData:
      s.palette[s.palette_write] = value & 0x3F;
      s.palette_write = (s.palette_write + 1) % 768;
      break;
    case kGraphicsIndex: s.graphics_index = value; break;
    case kGraphicsData: s.graphics[s.graphics_index & 15] = value; break;
    case kCrtcIndex: s.crtc_index = value; break;
    case kCrtcData: {
      const u8 index = s.crtc_index & 31;
      // Bit 7 of register 11h protects registers 0-7.
      if (index > 7 || !(s.crtc[0x11] & 0x80)) s.crtc[index] = value;
      break;
    }
    case kStatus: s.feature = value; break;
    default: break;
  }
}

u16 Vga::cell(unsigned row, unsigned column) const {
  const u32 at = (start_address() + row * kColumns + column) * 2 % kTextBytes;
  return static_cast<u16>(state_.text[at] | state_.text[at + 1] << 8);
}

unsigned Vga::cursor() const {
  if (state_.crtc[0x0A] & 0x20) return kColumns * kRows;
  const unsigned at = state_.crtc[0x0E] << 8 | state_.crtc[0x0F];
  return at - start_address();
}

std::string Vga::row_text(unsigned row) const {
  std::string text;
  for (unsigned column = 0; column < kColumns; ++column) {
    const char c = static_cast<char>(cell(row, column));
    text += c >= ' ' && c < 0x7F ? c : ' ';
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace ringside
