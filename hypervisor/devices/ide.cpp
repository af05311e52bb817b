#include "hypervisor/devices/ide.h"

#include <algorithm>
#include <cstring>

#include "hypervisor/devices/ide_registers.h"

namespace ringside {

using namespace ide;

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
