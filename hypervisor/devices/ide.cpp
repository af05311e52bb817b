#include "hypervisor/devices/ide.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace ringside {
namespace {

enum Register : u32 {
  kData,
  kErrorFeatures,
  kCount,
  kSector,
  kCylinderLow,
  kCylinderHigh,
  kDevice,
  kStatusCommand,
  kControl
};
enum Status : u8 { kErr = 1, kDrq = 8, kSeekDone = 0x10, kFault = 0x20, kReady = 0x40, kBusy = 0x80 };
enum Error : u8 { kAborted = 4, kNotFound = 0x10, kUncorrectable = 0x40 };
enum Control : u8 { kNoInterrupt = 2, kSoftReset = 4 };
constexpr u8 kLba = 0x40, kIdle = kReady | kSeekDone;
enum Command : u8 {
  kRead = 0x20,
  kReadNoRetry = 0x21,
  kWrite = 0x30,
  kWriteNoRetry = 0x31,
  kVerify = 0x40,
  kVerifyNoRetry = 0x41,
  kSeek = 0x70,
  kDiagnostic = 0x90,
  kInitializeParameters = 0x91,
  kReadMultiple = 0xC4,
  kWriteMultiple = 0xC5,
  kSetMultiple = 0xC6,
  kStandbyNow = 0xE0,
  kIdleNow = 0xE1,
  kStandby = 0xE2,
  kIdleTimer = 0xE3,
  kCheckPower = 0xE5,
  kSleep = 0xE6,
  kFlush = 0xE7,
  kIdentify = 0xEC,
  kSetFeatures = 0xEF,
  kNativeMax = 0xF8,
};

}  // namespace

Ide::Ide(const Clock& clock, IrqLine irq, std::array<std::shared_ptr<BlockBackend>, 2> disks)
    : clock_(clock), irq_(irq), disks_(std::move(disks)) {
  for (unsigned i = 0; i < 2; ++i) {
    if (!disks_[i]) continue;
    const Geometry g = geometry(disks_[i]->sectors());
    state_.drive[i].heads = static_cast<u16>(g.heads);
    state_.drive[i].sectors_per_track = static_cast<u16>(g.sectors_per_track);
  }
}

Ide::Geometry Ide::geometry(u64 sectors) {
  return {static_cast<u32>(std::clamp<u64>(sectors / (16 * 63), 1, 16383)), 16, 63};
}

u32 Ide::capacity() const { return static_cast<u32>(std::min<u64>(disk()->sectors(), 1u << 28)); }

u8 Ide::status() const {
  if (!any_drive()) return 0xFF;
  return disk() ? state_.drive[selected()].status : 0;
}

void Ide::set_interrupt(bool on) {
  state_.interrupt = on;
  irq_.set(on && !(state_.control & kNoInterrupt));
}

void Ide::signature() {
  state_.count = state_.sector = 1;
  state_.cylinder_low = state_.cylinder_high = 0;
  state_.device &= 0x10;
}

void Ide::fail(u8 error) {
  drive().error = error;
  drive().status = kIdle | kErr;
  state_.phase = Phase::Idle;
  state_.due = kNoDeadline;
  set_interrupt(true);
}

void Ide::complete_later(u64 after) {
  drive().status = kBusy;
  state_.phase = Phase::NoData;
  state_.due = clock_.now() + microseconds(after, clock_.hz());
}

/// The address that the task file names; false if there is no such sector.
bool Ide::address(u32& lba) const {
  const Drive& d = state_.drive[selected()];
  const u32 head = state_.device & 15, cylinder = state_.cylinder_high << 8 | state_.cylinder_low;
  if (state_.device & kLba) {
    lba = head << 24 | cylinder << 8 | state_.sector;
  } else {
    if (state_.sector == 0 || state_.sector > d.sectors_per_track || head >= d.heads) return false;
    lba = (cylinder * d.heads + head) * d.sectors_per_track + state_.sector - 1;
  }
  return lba < capacity();
}

/// The task file names the sector last worked on.
void Ide::set_address(u32 lba) {
  const Drive& d = state_.drive[selected()];
  u32 cylinder, head;
  if (state_.device & kLba) {
    state_.sector = static_cast<u8>(lba);
    cylinder = lba >> 8;
    head = lba >> 24;
  } else {
    state_.sector = static_cast<u8>(lba % d.sectors_per_track + 1);
    head = lba / d.sectors_per_track % d.heads;
    cylinder = lba / d.sectors_per_track / d.heads;
  }
  state_.cylinder_low = static_cast<u8>(cylinder);
  state_.cylinder_high = static_cast<u8>(cylinder >> 8);
  state_.device = static_cast<u8>((state_.device & 0xF0) | (head & 15));
}

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

void Ide::advance() {
  if (clock_.now() < state_.due) return;
  state_.due = kNoDeadline;
  switch (state_.phase) {
    case Phase::Reading: return finish_read();
    case Phase::Writing: return finish_write();
    case Phase::Resetting:
      state_.phase = Phase::Idle;
      for (Drive& d : state_.drive) {
        d.status = kIdle;
        d.error = 1;
        d.multiple = 0;
      }
      return;
    case Phase::NoData:
      if (state_.command == kIdentify) return identify();
      drive().status = kIdle;
      if (state_.command == kDiagnostic) drive().error = 1;  // passed
      state_.phase = Phase::Idle;
      return set_interrupt(true);
    default: return;
  }
}

void Ide::control(u8 value) {
  const u8 before = state_.control;
  state_.control = value;
  if (any_drive() && (value & kSoftReset)) {
    for (Drive& d : state_.drive) d.status = kBusy;
    state_.phase = Phase::Resetting;
    state_.due = kNoDeadline;
    state_.interrupt = false;
  } else if (any_drive() && (before & kSoftReset)) {
    state_.device = 0;
    signature();
    state_.due = clock_.now() + microseconds(kResetMicroseconds, clock_.hz());
  }
  set_interrupt(state_.interrupt);
}

u32 Ide::read_data(unsigned size) {
  if (state_.phase != Phase::DataIn || !disk()) return any_drive() ? 0 : ~u32{0} >> (32 - 8 * size);
  u32 value = 0;
  size = std::min<unsigned>(size, left_in_block());
  std::memcpy(&value, state_.buffer.data() + state_.at, size);
  state_.at += size;
  if (state_.at < state_.block * kSectorBytes) return value;
  state_.remaining -= state_.block;
  if (state_.command != kIdentify) state_.count = static_cast<u8>(state_.remaining);
  if (state_.remaining) {
    begin_read(kBlockMicroseconds);
  } else {
    state_.phase = Phase::Idle;
    drive().status = kIdle;
  }
  return value;
}

void Ide::write_data(u32 value, unsigned size) {
  if (state_.phase != Phase::DataOut || !disk()) return;
  size = std::min<unsigned>(size, left_in_block());
  std::memcpy(state_.buffer.data() + state_.at, &value, size);
  state_.at += size;
  if (state_.at < state_.block * kSectorBytes) return;
  drive().status = kBusy;
  state_.phase = Phase::Writing;
  state_.due = clock_.now() + microseconds(kBlockMicroseconds, clock_.hz());
}

u32 Ide::read(u32 offset, unsigned size) {
  if (offset == kData) return read_data(size);
  if (!any_drive()) return 0xFF;
  switch (offset) {
    case kErrorFeatures: return disk() ? drive().error : 0;
    case kCount: return state_.count;
    case kSector: return state_.sector;
    case kCylinderLow: return state_.cylinder_low;
    case kCylinderHigh: return state_.cylinder_high;
    case kDevice: return state_.device | 0xA0u;
    case kStatusCommand:
      set_interrupt(false);  // the alternate status leaves it
      return status();
    default: return status();
  }
}

void Ide::write(u32 offset, u32 wide, unsigned size) {
  const u8 value = static_cast<u8>(wide);
  if (offset == kData) return write_data(wide, size);
  if (offset == kControl) return control(value);
  // A busy drive owns the task file.
  if (state_.phase == Phase::Reading || state_.phase == Phase::Writing || state_.phase == Phase::NoData ||
      state_.phase == Phase::Resetting)
    return;
  switch (offset) {
    case kErrorFeatures: state_.features = value; break;
    case kCount: state_.count = value; break;
    case kSector: state_.sector = value; break;
    case kCylinderLow: state_.cylinder_low = value; break;
    case kCylinderHigh: state_.cylinder_high = value; break;
    case kDevice:
      // Turning to the other drive in the middle of a transfer abandons it.
      if (selected() != (value >> 4 & 1u) && state_.phase != Phase::Idle) {
        drive().status = kIdle;
        state_.phase = Phase::Idle;
      }
      state_.device = value;
      break;
    default:
      if (state_.phase != Phase::Idle) {  // a new command abandons the transfer
        drive().status = kIdle;
        state_.phase = Phase::Idle;
      }
      command(value);
      break;
  }
}

}  // namespace ringside
