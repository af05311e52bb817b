#include "cpu/ept.h"

#include <cassert>
#include <cstring>

namespace ringside {
namespace {

u64 read_entry(const MachineMemory& memory, MachinePhys address, u32 bytes) {
  u64 entry = 0;
  const u8* p = memory.at(address, bytes);
  if (!p) return ~u64{0};  // nothing answers on the bus: all ones, which is a misconfiguration
  std::memcpy(&entry, p, bytes);
  return entry;
}

/// SDM vol. 3 section 29.3.3.1.
bool misconfigured(u8 levels, u8 level, u64 entry, bool leaf) {
  if ((entry & ept::W) && !(entry & ept::R)) return true;
  if ((entry & ept::kAll) == ept::X) return true;
  if (levels == 2) return leaf && level == 2 && (entry & 0x3FF000);
  if (entry & 0x000FFFF000000000ull) return true;  // beyond MAXPHYADDR
  if (!leaf) return entry & (level == 4 ? 0xF8 : 0x78);
  const u64 type = (entry >> 3) & 7;
  if (type == 2 || type == 3 || type == 7) return true;
  const u64 page_mask = (u64{1} << (12 + 9 * (level - 1))) - 1;
  return entry & page_mask & ~u64{0xFFF};
}

}  // namespace

EptWalk walk_ept(const MachineMemory& memory, MachinePhys root, u8 levels, GuestPhys address) {
  assert(levels == 2 || levels == 4);
  const u32 index_bits = levels == 4 ? 9 : 10, bytes = ept::entry_bytes(levels);
  const u64 frame = levels == 4 ? ept::kFrame4 : ept::kFrame2;
  EptWalk walk;
  if (address.value >> (12 + levels * index_bits)) return walk;  // nothing maps it
  walk.readable = walk.writable = walk.executable = true;
  u64 table = root.value & frame;
  for (u8 level = levels;; level--) {
    const MachinePhys at(table + ept::index(levels, level, address) * bytes);
    const u64 entry = read_entry(memory, at, bytes);
    walk.steps[walk.count++] = {level, at.value, entry};
    walk.readable &= bool(entry & ept::R);
    walk.writable &= bool(entry & ept::W);
    walk.executable &= bool(entry & ept::X);
    if (!(entry & ept::kAll)) return walk;
    const bool may_be_large = level > 1 && level < 4;
    const bool leaf = level == 1 || (may_be_large && (entry & ept::PS));
    if (misconfigured(levels, level, entry, leaf)) {
      walk.misconfigured = true;
      return walk;
    }
    table = entry & frame;
    if (!leaf) continue;
    walk.page_bytes = 1u << (12 + index_bits * (level - 1));
    walk.physical =
        MachinePhys((table & ~u64{walk.page_bytes - 1}) | (address.value & (walk.page_bytes - 1)));
    walk.mapped = true;
    return walk;
  }
}

}  // namespace ringside
