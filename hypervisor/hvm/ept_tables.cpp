#include "hypervisor/hvm/ept_tables.h"

#include <cassert>
#include <cstring>

#include "cpu/host_error.h"

namespace ringside {

EptTables::EptTables(MachineMemory& memory, FramePool& frames, u8 levels)
    : memory_(memory), frames_(frames), levels_(levels) {
  assert(levels == 2 || levels == 4);
  // A mapping takes one table per level, so fewer frames would recycle for ever.
  if (frames_.available() < levels_)
    throw HostError("the monitor has no frames for nested page tables; give it more machine memory");
  tables_.push_back(*frames_.allocate());
}

EptTables::~EptTables() {
  for (MachinePhys table : tables_) frames_.release(table);
}

u64 EptTables::read(MachinePhys entry) const {
  u64 value = 0;
  std::memcpy(&value, memory_.at(entry, ept::entry_bytes(levels_)), ept::entry_bytes(levels_));
  return value;
}

void EptTables::write(MachinePhys entry, u64 value) {
  std::memcpy(memory_.at(entry, ept::entry_bytes(levels_)), &value, ept::entry_bytes(levels_));
}

bool EptTables::try_map(GuestPhys guest, MachinePhys machine, u64 rights, u8 leaf_level, unsigned& written) {
  MachinePhys table = root();
  for (u8 level = levels_;; --level) {
    const MachinePhys entry = table + ept::index(levels_, level, guest) * ept::entry_bytes(levels_);
    if (level == leaf_level) {
      write(entry, ept::leaf(levels_, machine.page(), rights, level > 1));
      ++written;
      return true;
    }
    const u64 value = read(entry);
    if (value & ept::kAll) {
      table = MachinePhys(value & (levels_ == 4 ? ept::kFrame4 : ept::kFrame2));
      continue;
    }
    const auto fresh = frames_.allocate();
    if (!fresh) return false;
    tables_.push_back(*fresh);
    write(entry, ept::table(*fresh));
    ++written;
    table = *fresh;
  }
}

void EptTables::clear() {
  for (std::size_t i = 1; i < tables_.size(); ++i) frames_.release(tables_[i]);
  tables_.resize(1);
  std::memset(memory_.at(root(), kPageSize), 0, kPageSize);
  ++recycled_;
}

unsigned EptTables::map(GuestPhys guest, MachinePhys machine, u64 rights, u32 bytes) {
  assert(guest.value < reach());
  assert(bytes == kPageSize || (bytes == large_page_bytes() && guest.value % bytes == 0));
  const u8 leaf_level = bytes == kPageSize ? 1 : 2;
  unsigned written = 0;
  if (try_map(guest, machine, rights, leaf_level, written)) return written;
  clear();
  const bool mapped = try_map(guest, machine, rights, leaf_level, written);
  assert(mapped);  // the constructor saw to it that one path of tables fits
  (void)mapped;
  return written;
}

}  // namespace ringside
