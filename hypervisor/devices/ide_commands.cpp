// What an IDE disk does on a command, and how its sectors go in and out block by block.
#include <algorithm>
#include <cstring>
#include <span>

#include "hypervisor/devices/ide.h"
#include "hypervisor/devices/ide_registers.h"

namespace ringside {

using namespace ide;

void Ide::start_transfer(bool write, bool multiple) {
  if (multiple && !drive().multiple) return fail(kAborted);
  u32 lba;
  if (!address(lba)) return fail(kNotFound);
  state_.lba = lba;
  state_.remaining = state_.count ? state_.count : 256;
  if (write)
    begin_block(true);
  else
    begin_read(kCommandMicroseconds);
}

void Ide::begin_read(u64 after) {
  drive().status = kBusy;
  state_.phase = Phase::Reading;
  state_.due = clock_.now() + microseconds(after, clock_.hz());
}

/// Asks the guest for the next block of a write. The first one is asked for without an interrupt.
void Ide::begin_block(bool first) {
  const bool multiple = state_.command == kWriteMultiple;
  state_.block = std::min<u32>(state_.remaining, multiple ? drive().multiple : 1);
  state_.at = 0;
  state_.phase = Phase::DataOut;
  state_.due = kNoDeadline;
  drive().status = kIdle | kDrq;
  if (!first) set_interrupt(true);
}

void Ide::finish_read() {
  const bool multiple = state_.command == kReadMultiple;
  state_.block = std::min<u32>(state_.remaining, multiple ? drive().multiple : 1);
  if (state_.lba + state_.block > capacity()) {
    set_address(capacity() - 1);
    return fail(kNotFound);
  }
  if (!disk()->read(state_.lba, std::span(state_.buffer).first(state_.block * kSectorBytes))) {
    set_address(state_.lba);
    return fail(kUncorrectable);
  }
  state_.sectors_read += state_.block;
  state_.lba += state_.block;
  set_address(state_.lba - 1);
  state_.at = 0;
  state_.phase = Phase::DataIn;
  state_.due = kNoDeadline;
  drive().status = kIdle | kDrq;
  set_interrupt(true);
}

void Ide::finish_write() {
  if (state_.lba + state_.block > capacity()) {
    set_address(capacity() - 1);
    return fail(kNotFound);
  }
  if (!disk()->write(state_.lba, std::span(state_.buffer).first(state_.block * kSectorBytes))) {
    set_address(state_.lba);
    return fail(kAborted);
  }
  state_.sectors_written += state_.block;
  state_.lba += state_.block;
  state_.remaining -= state_.block;
  set_address(state_.lba - 1);
  state_.count = static_cast<u8>(state_.remaining);
  if (state_.remaining) return begin_block(false);
  state_.phase = Phase::Idle;
  state_.due = kNoDeadline;
  drive().status = kIdle;
  set_interrupt(true);
}

void Ide::identify() {
  std::array<u16, 256> w{};
  const auto text = [&](unsigned first, unsigned words, std::string_view s) {
    for (unsigned i = 0; i < words * 2; ++i) {
      const u8 c = i < s.size() ? static_cast<u8>(s[i]) : ' ';
      w[first + i / 2] |=
          static_cast<u16>(c << (i % 2 ? 0 : 8));  // the first of two characters is the high byte
    }
  };
  const u32 sectors = capacity();
  const Geometry g = geometry(sectors);
  const Drive& d = drive();
  const u32 per_cylinder = u32{d.heads} * d.sectors_per_track;
  const u32 cylinders = std::min<u32>(sectors / per_cylinder, 65535), in_chs = cylinders * per_cylinder;
  w[0] = 0x0040;  // fixed disk
  w[1] = static_cast<u16>(g.cylinders);
  w[3] = static_cast<u16>(g.heads);
  w[6] = static_cast<u16>(g.sectors_per_track);
  text(10, 10, selected() ? "RINGSIDE-0002" : "RINGSIDE-0001");
  text(23, 4, "1.0");
  text(27, 20, "RINGSIDE DISK");
  w[47] = 0x8000 | kMaxMultiple;
  w[48] = 1;       // 32-bit data port
  w[49] = 0x0200;  // LBA
  w[53] = 1;       // words 54-58 are valid
  w[54] = static_cast<u16>(cylinders);
  w[55] = d.heads;
  w[56] = d.sectors_per_track;
  w[57] = static_cast<u16>(in_chs);
  w[58] = static_cast<u16>(in_chs >> 16);
  w[59] = d.multiple ? 0x100 | d.multiple : 0;
  w[60] = static_cast<u16>(sectors);
  w[61] = static_cast<u16>(sectors >> 16);
  w[80] = 0x000E;          // ATA-1 to ATA-3
  w[82] = w[85] = 0x0008;  // power management
  w[83] = w[86] = 0x4000;
  std::memcpy(state_.buffer.data(), w.data(), kSectorBytes);
  state_.block = state_.remaining = 1;
  state_.at = 0;
  state_.phase = Phase::DataIn;
  state_.due = kNoDeadline;
  drive().status = kIdle | kDrq;
  set_interrupt(true);
}

void Ide::command(u8 value) {
  if (value == kDiagnostic && any_drive()) {
    state_.device &= 0xEF;  // both drives test themselves, drive 0 answers
    signature();
  } else if (!disk()) {
    return;
  }
  if (state_.drive[selected()].status & kBusy) return;
  set_interrupt(false);
  state_.command = value;
  drive().error = 0;
  switch (value) {
    case kRead:
    case kReadNoRetry: return start_transfer(false, false);
    case kReadMultiple: return start_transfer(false, true);
    case kWrite:
    case kWriteNoRetry: return start_transfer(true, false);
    case kWriteMultiple: return start_transfer(true, true);
    case kVerify:
    case kVerifyNoRetry:
    case kSeek: {
      u32 lba;
      const u32 sectors = value == kSeek ? 1 : state_.count ? state_.count : 256;
      if (!address(lba) || lba + sectors > capacity()) return fail(kNotFound);
      set_address(lba + sectors - 1);
      return complete_later(kCommandMicroseconds);
    }
    case kInitializeParameters:
      if (!state_.count) return fail(kAborted);
      drive().sectors_per_track = state_.count;
      drive().heads = (state_.device & 15) + 1;
      return complete_later(kBlockMicroseconds);
    case kSetMultiple:
      if (state_.count > kMaxMultiple || (state_.count & (state_.count - 1))) return fail(kAborted);
      drive().multiple = state_.count;
      return complete_later(kBlockMicroseconds);
    case kSetFeatures:
      switch (state_.features) {
        case 0x02:
        case 0x82:
        case 0x55:
        case 0xAA:
        case 0x66:
        case 0xCC: return complete_later(kBlockMicroseconds);
        case 0x03:  // transfer mode: PIO only
          if (state_.count >= 0x10) return fail(kAborted);
          return complete_later(kBlockMicroseconds);
        default: return fail(kAborted);
      }
    case kCheckPower:
      state_.count = 0xFF;  // active
      return complete_later(kBlockMicroseconds);
    case kNativeMax:
      state_.device |= kLba;
      set_address(capacity() - 1);
      return complete_later(kBlockMicroseconds);
    case kDiagnostic:
    case kFlush:
    case kIdentify:
    case kStandbyNow:
    case kIdleNow:
    case kStandby:
    case kIdleTimer:
    case kSleep: return complete_later(kCommandMicroseconds);
    default:
      if ((value & 0xF0) == 0x10) {  // RECALIBRATE
        state_.cylinder_low = state_.cylinder_high = 0;
        return complete_later(kCommandMicroseconds);
      }
      return fail(kAborted);
  }
}

}  // namespace ringside
