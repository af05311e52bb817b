// A translation lookaside buffer with a geometry, and a page-walk cache: what decides which accesses walk.
//
// The simulator's own TLB (tlb.h) is large and direct-mapped, because it exists for speed. When a geometry is
// asked for, this model stands behind it and holds what a processor of that geometry would hold: the
// simulator's TLB never keeps a page that the model has lost, and a walk is counted exactly when the model
// misses. So the counts do not depend on what the simulator's own TLB happens to hold.
//
// Modelled: an instruction and a data TLB of the same geometry, set-associative, first in first out in each
// set; entries for large pages apart, fully associative (a 4 MiB page takes two of 2 MiB); global pages;
// entries with and without D; a page-walk cache of table entries above the last level in both dimensions
// (Bhargava et al. 2008, section 3). Simplified: one level of TLB; no recency in the replacement, because a
// hit costs nothing and so is not seen; the walk cache is fully associative. Without tags (VPID) every VM
// exit empties the TLB. Manual: Intel SDM vol. 3 sections 4.10 (TLBs, paging-structure caches), 29.4 (caching
// with EPT, VPID).
#pragma once

#include <optional>
#include <vector>

#include "cpu/address.h"
#include "cpu/paging.h"

namespace ringside {

struct TlbGeometry {
  u16 entries = 0;      ///< for 4 KiB pages, of each of the two; 0: no model, only the simulator's own TLB
  u16 ways = 4;         ///< divides `entries`
  u16 large = 0;        ///< for large pages; 0: they are split into 4 KiB entries
  bool tagged = true;   ///< entries survive a VM exit (VPID, ASID)
  u16 walk_cache = 24;  ///< entries of the page-walk cache; 0: none

  bool modelled() const { return entries != 0; }
  bool operator==(const TlbGeometry&) const = default;
};

class TlbModel {
 public:
  explicit TlbModel(const TlbGeometry& geometry);

  /// What an insertion pushed out: the simulator must forget it, too.
  struct Victim {
    LinearAddr page;
    u32 bytes;
  };

  /// Whether the access needs no walk: the page is held and, for a write, known to be dirty.
  bool holds(LinearAddr address, Access access) const;
  /// A walk has found the translation.
  std::optional<Victim> insert(LinearAddr address, Access access, u32 page_bytes, bool dirty, bool global);
  void flush(bool keep_global);
  void invalidate(LinearAddr address);

  /// A walk reads the table entry at `physical`, which lies above the last level: whether the page-walk cache
  /// has it. It has it afterwards.
  bool walk_hits(u64 physical, bool nested_dimension);

  const TlbGeometry& geometry() const { return geometry_; }

 private:
  struct Entry {
    u32 page = kEmpty;
    bool dirty = false, global = false;
  };
  static constexpr u32 kEmpty = 1;  // no page-aligned address
  struct Array {
    std::vector<Entry> entries;
    std::vector<u16> next;  ///< per set: the way that is replaced next
    u32 ways = 1, shift = 12;

    Entry* find(LinearAddr address);
    Entry& replace(LinearAddr address);
    void flush(bool keep_global);
  };
  struct Unit {
    Array small, large;
  };

  const Entry* find(LinearAddr address, Access access) const;

  TlbGeometry geometry_;
  Unit instruction_, data_;
  std::vector<u64> walk_cache_;  ///< physical address | kNested; 0: empty
  std::size_t walk_next_ = 0;
};

}  // namespace ringside
