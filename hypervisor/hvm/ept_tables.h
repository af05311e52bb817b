// The monitor's nested page tables: guest-physical to machine-physical, in the monitor's own frames.
//
// They are filled on demand, one page (4 KiB, or a large one) per EPT violation, so that a guest costs what
// it touches. What stays unmapped is not RAM: an access there is a violation too, and that is how a
// memory-mapped device is noticed. Manual: Intel SDM vol. 3 section 29.3 (EPT).
#pragma once

#include "cpu/ept.h"
#include "hypervisor/host.h"

namespace ringside {

class EptTables {
 public:
  /// `levels` is 4 (EPT) or 2 (the geometry of a 32-bit host). Throws HostError if there is no frame for the
  /// root.
  EptTables(MachineMemory& memory, FramePool& frames, u8 levels);
  ~EptTables();
  EptTables(const EptTables&) = delete;
  EptTables& operator=(const EptTables&) = delete;

  MachinePhys root() const { return tables_.front(); }
  u8 levels() const { return levels_; }

  /// Maps the page of `guest` to that of `machine` with `rights` of ept::R, W, X. `bytes` is 4 KiB or
  /// large_page_bytes(), and both addresses are multiples of it. Returns how many entries it wrote. When the
  /// frames run out it drops all mappings and begins anew; `recycled()` tells, for then every translation
  /// that the processor holds is stale.
  unsigned map(GuestPhys guest, MachinePhys machine, u64 rights = ept::kAll, u32 bytes = kPageSize);
  /// Drops all mappings; the processor's translations are the caller's business.
  void unmap_all() { clear(); }
  u32 large_page_bytes() const { return levels_ == 4 ? 2u << 20 : 4u << 20; }
  u64 recycled() const { return recycled_; }  ///< how often

  /// Every address that the levels can express lies below.
  u64 reach() const { return u64{1} << (levels_ == 4 ? 48 : 32); }
  EptWalk walk(GuestPhys address) const { return walk_ept(memory_, root(), levels_, address); }
  /// Which frames hold the tables. Their contents are machine memory.
  struct State {
    std::vector<MachinePhys> tables;  ///< the root first
    u64 recycled = 0;
  };
  State state() const { return {tables_, recycled_}; }
  void restore(const State& state) {
    tables_ = state.tables;
    recycled_ = state.recycled;
  }
  u64 table_frames() const { return tables_.size(); }

 private:
  bool try_map(GuestPhys guest, MachinePhys machine, u64 rights, u8 leaf_level, unsigned& written);
  void clear();
  u64 read(MachinePhys entry) const;
  void write(MachinePhys entry, u64 value);

  MachineMemory& memory_;
  FramePool& frames_;
  u8 levels_;
  std::vector<MachinePhys> tables_;  ///< the root first
  u64 recycled_ = 0;
};

}  // namespace ringside
