// Direct paging: the guest's own page tables are the ones that the processor walks.
//
// They hold machine addresses, so the guest may read but never write them; it asks for each change, and the
// monitor validates it. What makes that safe is a type for every frame of the guest's RAM:
//
//   None      nothing constrains it: mapped read-only or not at all
//   Writable  mapped writable by `references` entries (or held so by the monitor, which writes to it itself)
//   L1        a page table: used by `references` directory entries, plus one if pinned
//   L2        a page directory: pinned, plus one reference while CR3 holds it
//
// Invariants:
//   1. a frame has one type at a time, and the type changes only while nothing refers to it as the old one.
//   So no frame
//      is both a page table and writable;
//   2. every present entry of an L1 maps a frame of the guest's RAM, and holds a Writable reference if it has
//   RW;
//   3. every present entry of an L2 but the last names an L1 and holds a reference to it; the last is the
//   monitor's;
//   4. while a frame has a type, the processor caches nothing of a time when it had another one: no TLB entry
//   that lets
//      the guest write to a page table, no directory entry that leads to what was a table once.
//
// Simplified: one address space per guest at a time, no large pages, no self-mapping directories.
// Source: Barham et al., "Xen and the Art of Virtualization", SOSP 2003, section 3.3.3.
#pragma once

#include <span>
#include <vector>

#include "hypervisor/guest_memory.h"

namespace ringside::para {

/// 0, or one of the RS_E* of the interface, negated.
using Status = i32;

enum class FrameType : u8 { None, Writable, L1, L2 };

struct FrameInfo {
  FrameType type = FrameType::None;
  bool pinned = false;
  u32 references = 0;
  /// The type that it had last, and the flush count when it lost it: until the next flush the processor may
  /// still act on what it cached then.
  FrameType former = FrameType::None;
  u64 former_until = 0;
};

/// What the processor caches of the tables.
class TranslationCache {
 public:
  virtual ~TranslationCache() = default;
  virtual void flush() = 0;
  virtual void invalidate(LinearAddr address) = 0;
  /// The monitor wrote to RAM.
  virtual void written(MachinePhys begin, u64 bytes) = 0;
};

class DirectPaging {
 public:
  /// `monitor_entry` occupies the last slot of every directory.
  DirectPaging(GuestMemory ram, TranslationCache& cache, u32 monitor_entry);

  // -- what a guest asks for. Frames are machine frame numbers, addresses machine addresses, none of them
  // trusted.
  Status pin(u32 frame, FrameType type);
  Status unpin(u32 frame);
  /// CR3. Flushes the TLB.
  Status new_base(u32 frame);
  /// One entry of an L1 or an L2.
  Status update(u32 entry_address, u32 value);
  /// The entry that maps `linear` in the current tables.
  Status update_linear(LinearAddr linear, u32 value);
  void flush();

  // -- for the monitor's own use
  /// The frame will stay writable for ever: the monitor writes to it. Before any table maps it.
  void hold_writable(u32 frame);
  /// Whether a device may write to it now: it is the guest's and no page table.
  bool prepare_write(u32 frame);
  bool owns(u32 frame) const { return frame >= first_ && frame - first_ < frames_.size(); }
  u32 base() const { return base_; }
  const FrameInfo& info(u32 frame) const { return frames_[frame - first_]; }

  /// Since the last call: entries updated, pins and base changes, and present entries of tables that were
  /// validated or given up. What a hypercall costs.
  u64 take_work();
  /// Entries looked at since the start, absent ones too: what bounds a batch.
  u64 effort() const { return effort_; }

 private:
  static constexpr u32 kEntries = 1024;
  static constexpr u32 kMonitorSlot = kEntries - 1;
  static constexpr u32 kNoFrame = ~u32{0};

  FrameInfo& frame_info(u32 frame) { return frames_[frame - first_]; }
  u8* frame_data(u32 frame) const { return ram_.machine().at(MachinePhys(u64{frame} << 12), kPageSize); }
  u32 entry(u32 frame, u32 index) const;
  void set_entry(u32 frame, u32 index, u32 value);

  Status acquire(u32 frame, FrameType type);  ///< one more reference of this type
  void release(u32 frame);
  Status validate(u32 frame);
  Status acquire_target(FrameType table, u32 index, u32 entry);
  void release_target(FrameType table, u32 index, u32 entry);
  void release_entries(u32 frame, u32 count);
  Status replace(u32 frame, u32 index, u32 value);

  GuestMemory ram_;
  TranslationCache& cache_;
  u32 monitor_entry_;
  u32 first_;  ///< machine frame number of the guest's first frame
  std::vector<FrameInfo> frames_;
  u32 base_ = kNoFrame;
  u64 flushes_ = 1;
  u64 work_ = 0, effort_ = 0;
};

}  // namespace ringside::para
