// The translation lookaside buffer, and what makes memory access fast: an entry yields a host pointer.
//
// Modelled: a direct-mapped TLB with separate read, write and fetch rights per page and per privilege;
// global pages.
// Simplified: its geometry is not yet any particular processor's.
//
// The tag of a right that the page does not have is kNone, which no page-aligned address equals, so that the
// fast path is one comparison: `tag == (address & ~0xFFF)`. Three things are expressed by withholding a tag:
//   * a page holding decoded code has no write tag: stores to it take the slow path, which invalidates code;
//   * a clean page has no write tag, so that the first store sets D;
//   * a page above kFlatLimit, or a page of a device, has neither, so that every access to it takes the slow
//     path, which checks limits (segments may be not quite flat, such as a monitor's truncated ones) and asks
//     the bus.
#pragma once

#include <array>

#include "cpu/address.h"

namespace ringside {

/// Segments that start at 0 and reach at least this far count as flat: the fast path adds no base and checks
/// no limit. In return no page above it ever gets a read or write tag, so accesses there take the slow path,
/// which checks. It is a constant, and low enough that segments which a monitor truncates to protect its own
/// top 4 MiB are still flat.
inline constexpr u32 kFlatLimit = 0xFFBFFFFF;

struct TlbEntry {
  static constexpr u32 kNone = 1;
  static constexpr u32 kEmptied = 3;  ///< page_tag only: no page, but the slot is listed in Tlb::filled
  u32 read_tag = kNone;               ///< usable at the current privilege by the fast path
  u32 write_tag = kNone;
  u64 host_minus_linear = 0;  ///< add the linear address to get the host address

  // What the slow path knows of the page.
  u32 page_tag = kNone;  ///< the page translated by this entry, whatever the rights
  u32 flags = 0;         ///< TlbFlag bits
  u64 physical = 0;      ///< machine address of the page
};

/// kTlbWritable: a store may go ahead at this entry's privilege (W, WP, EPT and D all permit it). The first
/// three lie where the entry of a page table has them.
enum TlbFlag : u32 {
  kTlbWritable = 1 << 1,
  kTlbUser = 1 << 2,
  kTlbGlobal = 1 << 8,
  kTlbMmio = 1 << 16,
  kTlbCode = 1 << 17,
  kTlbExecutable = 1 << 18,  ///< a fetch may go ahead (EPT)
  kTlbLarge = 1 << 19,       ///< one 4 KiB piece of a 2 or 4 MiB page
  kTlbRom = 1 << 20,
  kTlbFetchOnly = 1 << 21,  ///< a modelled TLB holds the page for instructions alone
};

/// The tags that an entry's flags permit; none unless `given`.
inline void set_tags(TlbEntry& e, bool given) {
  const bool fast =
      given && !(e.flags & (kTlbMmio | kTlbFetchOnly)) && (e.page_tag | kPageMask) <= kFlatLimit;
  const bool store = (e.flags & (kTlbWritable | kTlbRom | kTlbCode)) == kTlbWritable;
  e.read_tag = fast ? e.page_tag : TlbEntry::kNone;
  e.write_tag = fast && store ? e.page_tag : TlbEntry::kNone;
}

struct Tlb {
  static constexpr u32 kEntries = 1024;
  // Supervisor and user accesses have an array each, so that a change of privilege costs nothing.
  std::array<TlbEntry, kEntries> supervisor, user;

  /// Which entries are in use, so that a flush costs what was filled: index, plus kEntries for those of
  /// `user`.
  std::array<u16, 2 * kEntries> filled{};
  u32 filled_count = 0;
  bool large_pages = false;  ///< some entry has kTlbLarge

  TlbEntry& entry(LinearAddr a, bool for_user) { return (for_user ? user : supervisor)[index(a)]; }
  static u32 index(LinearAddr a) { return (a.value >> 12) & (kEntries - 1); }
};

}  // namespace ringside
