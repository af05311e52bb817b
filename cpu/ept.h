// The nested dimension: extended page tables, from guest-physical to machine-physical addresses.
//
// Modelled: a 4-level walk with 8-byte entries and 4 KiB, 2 MiB and 1 GiB pages; a 2-level walk with 4-byte
// entries and 4 KiB and 4 MiB pages, 10 + 10 index bits, for 32-bit monitors (the geometry of nested paging
// under a 32-bit host, AMD APM vol. 2 section 15.25; n = m = 2 in Bhargava's formula). Both use the
// permission bits of EPT. Violations with their qualification, misconfigurations.
// Simplified: no accessed and dirty bits in EPT entries, execute-only is not supported, the memory type is
// checked and otherwise ignored, guest-physical addresses beyond what the levels reach are violations.
// Manual: Intel SDM vol. 3 section 29.3.2 (entry formats), 29.3.3 (violations, misconfigurations), table
// 28-7 (qualification).
#pragma once

#include "cpu/memory.h"
#include "cpu/paging.h"

namespace ringside {

namespace ept {
inline constexpr u64 R = 1, W = 2, X = 4, kAll = R | W | X;
inline constexpr u64 kWriteBack = 6u << 3;  ///< memory type of a leaf, bits 5:3; 4-level entries only
inline constexpr u64 PS = 128;              ///< a large page: 4-level at levels 3 and 2, 2-level at level 2
inline constexpr u64 kFrame4 = 0x0000000FFFFFF000ull;  ///< of a 4-level entry; MAXPHYADDR is 36
inline constexpr u64 kFrame2 = 0xFFFFF000;             ///< of a 2-level entry

/// An entry that maps a page, and one that refers to the next table. `rights` are of R, W, X; for 2 levels
/// the value fits 32 bits.
constexpr u64 leaf(u8 levels, MachinePhys page, u64 rights, bool large = false) {
  return page.value | rights | (levels == 4 ? kWriteBack : 0) | (large ? PS : 0);
}
constexpr u64 table(MachinePhys page) { return page.value | kAll; }
constexpr u32 entry_bytes(u8 levels) { return levels == 4 ? 8 : 4; }
/// Index of a guest-physical address in the table at `level` (1 = the one that maps 4 KiB pages).
constexpr u32 index(u8 levels, u8 level, GuestPhys a) {
  return levels == 4 ? (a.value >> (12 + 9 * (level - 1))) & 511
                     : (a.value >> (12 + 10 * (level - 1))) & 1023;
}
}  // namespace ept

struct EptWalk {
  std::array<WalkStep, 4> steps{};
  u8 count = 0;
  bool mapped = false;  ///< every entry present and well formed
  bool misconfigured = false;
  MachinePhys physical{};  ///< of the address itself
  u32 page_bytes = 0;
  /// What all entries used so far permit together; meaningful for violations too.
  bool readable = false, writable = false, executable = false;

  bool permits(Access access) const {
    return mapped && (access == Access::Read ? readable : access == Access::Write ? writable : executable);
  }
};

/// Walks nested tables in machine memory, without side effects. `levels` is 2 or 4.
EptWalk walk_ept(const MachineMemory& memory, MachinePhys root, u8 levels, GuestPhys address);

}  // namespace ringside
