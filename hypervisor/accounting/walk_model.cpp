#include "hypervisor/accounting/walk_model.h"

#include <cassert>
#include <cstring>

#include "cpu/ept.h"

namespace ringside {
namespace {

/// Some frames of memory that tables are built in, all of them also mapped by the nested tables to
/// themselves.
class Tables {
 public:
  explicit Tables(u8 nested_levels) : nested_levels_(nested_levels), memory_(kFrames * kPageSize) {
    nested_ = frame();
    for (u32 page = 0; page < kFrames; ++page)
      map(nested_, nested_levels_, GuestPhys(page * kPageSize), MachinePhys(page * kPageSize));
  }

  MachinePhys frame() { return MachinePhys(kPageSize * next_++); }

  /// Tables of `levels` levels in the format of EPT.
  void map(MachinePhys root, u8 levels, GuestPhys from, MachinePhys to) {
    const u32 bytes = ept::entry_bytes(levels);
    MachinePhys table = root;
    for (u8 level = levels; level > 1; --level) {
      const MachinePhys at = table + ept::index(levels, level, from) * bytes;
      if (!read(at, bytes)) write(at, ept::table(frame()), bytes);
      table = MachinePhys(read(at, bytes) & (levels == 4 ? ept::kFrame4 : ept::kFrame2));
    }
    write(table + ept::index(levels, 1, from) * bytes, ept::leaf(levels, to, ept::kAll), bytes);
  }

  EptWalk walk(MachinePhys root, u8 levels, GuestPhys address) const {
    return walk_ept(memory_, root, levels, address);
  }
  u32 nested_references(u64 guest_physical) const {
    return walk(nested_, nested_levels_, GuestPhys(guest_physical)).count;
  }
  u64 read(MachinePhys at, u32 bytes) const {
    u64 value = 0;
    std::memcpy(&value, memory_.at(at, bytes), bytes);
    return value;
  }
  void write(MachinePhys at, u64 value, u32 bytes) { std::memcpy(memory_.at(at, bytes), &value, bytes); }

 private:
  static constexpr u32 kFrames = 64;
  u8 nested_levels_;
  MachineMemory memory_;
  u32 next_ = 0;
  MachinePhys nested_;
};

}  // namespace

u32 two_dimensional_references(u8 guest_levels, u8 nested_levels) {
  assert(guest_levels >= 2 && guest_levels <= 4 && (nested_levels == 2 || nested_levels == 4));
  Tables tables(nested_levels);
  const MachinePhys root = tables.frame(), data = tables.frame();
  u32 references = 0;
  const auto count = [&](const auto& walk, u64 physical) {
    for (u8 i = 0; i < walk.count; ++i)
      references += tables.nested_references(walk.steps[i].entry_address) + 1;
    references += tables.nested_references(physical);
  };
  if (guest_levels == 4) {
    const GuestPhys linear(0x123456789000);
    tables.map(root, 4, linear, data);
    const EptWalk walk = tables.walk(root, 4, linear);
    assert(walk.mapped);
    count(walk, walk.physical.value);
    return references;
  }
  const LinearAddr linear(0x80123000);
  const bool pae = guest_levels == 3;
  const u32 bytes = pae ? 8 : 4;
  MachinePhys table = root;
  for (u8 level = guest_levels; level > 0; --level) {
    const u32 shift = 12 + (pae ? 9 : 10) * (level - 1u);
    const MachinePhys next = level > 1 ? tables.frame() : data;
    // An entry of the PAE pointer table has P and no other right.
    tables.write(table + (linear.value >> shift & (pae ? 511 : 1023)) * bytes,
                 next.value | (level == 3 ? pte::P : pte::P | pte::W), bytes);
    table = next;
  }
  const PagingMode mode{.cr3 = static_cast<u32>(root.value), .cr0 = cr0::PG, .cr4 = pae ? cr4::PAE : 0};
  const PageWalk walk = walk_pages(
      mode, linear, Access::Read, false,
      [&](u64 at) { return static_cast<u32>(tables.read(MachinePhys(at), 4)); }, [](u64, u32) {});
  assert(walk.ok);
  count(walk, walk.physical);
  return references;
}

}  // namespace ringside
