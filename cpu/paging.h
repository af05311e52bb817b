// The page walk, once, for everyone: the TLB fill, the monitors' software walks, the page-walk window and the tests.
//
// Modelled: 32-bit two-level paging with 4 KiB and 4 MiB pages (PSE), accessed/dirty, WP, U/S, reserved bits;
// PAE; the nested (EPT) dimension in cpu/ept.h.
// Manual: Intel SDM vol. 3 ch. 4.
#pragma once

#include <array>
#include <optional>

#include "cpu/event.h"

namespace ringside {

enum class Access : u8 { Read, Write, Fetch };

namespace pte {
inline constexpr u32 P = 1, W = 2, U = 4, PWT = 8, PCD = 16, A = 32, D = 64, PS = 128, G = 256;
inline constexpr u32 kFrame = 0xFFFFF000u;
}  // namespace pte

/// One reference that the walk made.
struct WalkStep {
  u8 level = 0;          ///< 2 = page directory, 1 = page table (3 = PAE pointer table)
  u64 entry_address = 0;  ///< physical, in the space that the tables use
  u64 entry = 0;          ///< as read, before A/D were set
};

struct PageWalk {
  std::array<WalkStep, 3> steps{};
  u8 count = 0;
  bool ok = false;
  u64 physical = 0;     ///< of the address itself, not of its page
  u32 error_code = 0;   ///< of the #PF, if !ok
  u32 page_bytes = 0;   ///< 4 KiB, 2 MiB or 4 MiB
  bool writable = false, user = false, global = false, dirty = false;  ///< combined rights of the mapping
};

struct PagingMode {
  u32 cr3 = 0;
  u32 cr0 = 0, cr4 = 0;
  bool user = false;  ///< CPL 3
};

/// Walks the tables that `read(u64 physical) -> u32` and `write(u64 physical, u32)` reach. With `set_bits` the
/// accessed and dirty bits are set as the processor would; without, the walk has no side effect.
/// Without CR0.PG the result is the identity.
template <class Read, class Write>
PageWalk walk_pages(const PagingMode& mode, LinearAddr address, Access access, bool set_bits, Read&& read, Write&& write);

}  // namespace ringside

#include "cpu/paging_walk.inl"
