// A VGA in 80x25 text mode: the memory at B8000h and the registers that a text console touches.
//
// Modelled: 32 KiB of text memory, the CRT controller with start address and cursor, the index/data pairs of
// sequencer, graphics and attribute controller, palette, and the retrace bits of the input status.
// Simplified: graphics modes are registers without a picture; A0000h-B7FFFh reads as ones.
// Manual: IBM VGA Technical Reference; FreeVGA, "VGA/SVGA Video Programming".
#pragma once

#include <array>
#include <string>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/device.h"

namespace ringside {

class Vga {
 public:
  static constexpr u32 kWindowBytes = 0x20000, kTextOffset = 0x18000, kTextBytes = 0x8000;
  static constexpr unsigned kColumns = 80, kRows = 25;

  struct State {
    std::array<u8, kTextBytes> text{};
    std::array<u8, 32> crtc{};
    std::array<u8, 8> sequencer{};
    std::array<u8, 16> graphics{};
    std::array<u8, 32> attribute{};
    std::array<u8, 768> palette{};
    u8 crtc_index = 0, sequencer_index = 0, graphics_index = 0, attribute_index = 0, misc = 0x67, feature = 0;
    u16 palette_read = 0, palette_write = 0;
    bool attribute_data = false;  ///< the next write to 3C0h is data
    bool operator==(const State&) const = default;
  };

  explicit Vga(const Clock& clock);

  Device& memory() { return memory_; }        ///< offsets from A0000h
  Device& registers() { return registers_; }  ///< offsets from 3C0h

  /// What the screen shows, without side effects: character and attribute of a cell, the cursor's cell.
  u16 cell(unsigned row, unsigned column) const;
  unsigned cursor() const;  ///< row * kColumns + column; beyond the screen if hidden
  std::string row_text(unsigned row) const;

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  struct Memory final : Device {
    explicit Memory(Vga& v) : vga(v) {}
    u32 read(u32 offset, unsigned size) override;
    void write(u32 offset, u32 value, unsigned size) override;
    Vga& vga;
  };
  struct Registers final : Device {
    explicit Registers(Vga& v) : vga(v) {}
    u32 read(u32 offset, unsigned) override { return vga.read_register(offset); }
    void write(u32 offset, u32 value, unsigned) override {
      vga.write_register(offset, static_cast<u8>(value));
    }
    Vga& vga;
  };
  u8 read_register(u32 offset);
  void write_register(u32 offset, u8 value);
  unsigned start_address() const { return state_.crtc[0x0C] << 8 | state_.crtc[0x0D]; }

  const Clock& clock_;
  State state_;
  Memory memory_{*this};
  Registers registers_{*this};
};

}  // namespace ringside
