// Shadow page tables: what the processor really walks while a guest believes that it owns the paging
// hardware.
//
// Modelled: two-level tables of 4 KiB pages that lie in the monitor's frames of machine memory. They are
// filled on demand from the guest's tables (32-bit, 4 KiB and 4 MiB pages) and the map from guest-physical to
// machine memory. A shadow exists per guest table and use of it, so two address spaces that share a page
// table share its shadow. Accessed and dirty bits go to the guest's entries: an entry is present only once
// the guest's A is set and writable only once its D is. Frames that back a shadow are write-protected
// wherever they are mapped ("traced"), unless the policy lets them go out of sync. Simplified: PAE guests are
// refused. A shadow entry never has more rights than guest and tracing allow, so CR0.WP is always on in the
// real CR0; a guest with WP off gets supervisor-only entries for what only its kernel may write. Manual:
// Intel SDM vol. 3 ch. 4; chapter 32.3 of older editions (virtualizing paging); Adams & Agesen 2006,
// section 2.
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "cpu/paging.h"
#include "hypervisor/guest_memory.h"
#include "hypervisor/host.h"
#include "hypervisor/trap/shadow_policy.h"

namespace ringside {

/// What a shadow entry is, and why: one page of the linear address space, guest's view and processor's.
struct ShadowEntryState {
  enum class Why : u8 {
    GuestAbsent,  ///< the guest maps nothing: an access is a true page fault
    NotFilled,    ///< no access has asked for it yet: the first one is a hidden fault
    Device,       ///< a device: left out, so that every access reaches the monitor
    InSync,       ///< the shadow says what the guest says
    CleanPage,    ///< W withheld until the guest's D bit is set
    TracedTable,  ///< W withheld: the frame holds a page table of the guest's
    TracedOther,  ///< W withheld: the frame holds a descriptor table of the guest's
    KernelOnly,   ///< U withheld: the kernel writes to a read-only page while CR0.WP is off
    Stale,        ///< the guest changed its entry; the old one holds until INVLPG or a CR3 write
    Monitor,      ///< the monitor's own 4 MiB
  } why = Why::GuestAbsent;
  u32 guest =
      0;  ///< the guest's last-level entry (a large page's: the directory's), 0 if the walk ends before
  u32 shadow = 0;         ///< the shadow's entry, 0 if none
  bool unsynced = false;  ///< the guest's page table is out of sync
};
/// "W withheld until ...": one sentence without a full stop.
std::string_view describe(ShadowEntryState::Why);

class ShadowPaging {
 public:
  /// Told about every translation that the processor's TLB may hold and must forget; nullopt = all of them.
  using Invalidate = std::function<void(std::optional<LinearAddr>)>;
  /// Says which guest-physical addresses are devices.
  using IsDevice = std::function<bool(GuestPhys)>;

  /// `monitor_directory_entry` maps the monitor's own 4 MiB at the top and is part of every root; 0 if the
  /// monitor lives elsewhere, as under hardware assistance.
  ShadowPaging(GuestMemory ram, FramePool& frames, Ledger& ledger, ShadowPolicy policy,
               u32 monitor_directory_entry, Invalidate invalidate, IsDevice is_device);

  /// The guest's CR0, CR3 or CR4 changed. Returns the machine address of the root that the real CR3 must
  /// hold. Throws HostError when the monitor's memory has no room even for one root and one table.
  MachinePhys set_mode(const PagingMode& mode);
  const PagingMode& mode() const { return mode_; }

  struct Resolution {
    enum class Kind : u8 {
      Filled,       ///< hidden fault: the shadow has the translation now, run the instruction again
      GuestFault,   ///< true fault: the guest's own tables deny the access; `walk.error_code`
      Unsynced,     ///< a page table was traced and is no more: run the instruction again
      TracedWrite,  ///< the page is write-protected for the monitor's sake: emulate the store at `physical`
      Device,       ///< a memory-mapped device at `physical`: emulate the access
    } kind;
    PageWalk walk;
    GuestPhys physical;
  };
  /// What becomes of a page fault at `address`.
  Resolution resolve(LinearAddr address, Access access, bool user);

  void invlpg(LinearAddr address);
  /// Guest RAM was changed by other means than the guest's own stores (an emulated store, an interrupt frame,
  /// DMA).
  void memory_written(GuestPhys address, u64 bytes);

  /// Write-protects a frame for another reason than paging (a descriptor table). Writes come out as
  /// TracedWrite.
  void trace(GuestPhys frame);
  void untrace(GuestPhys frame);
  bool traced(GuestPhys frame) const { return trace_[frame.frame()]; }
  /// Whether the frame backs a shadow table.
  bool shadows(GuestPhys frame) const { return by_frame_.contains(static_cast<u32>(frame.frame())); }
  /// Drops every shadow of a frame, so that the guest may write it directly.
  void unshadow(GuestPhys frame);
  void drop_all();

  /// For the page-table window and tests: the shadow entry that serves `address` now, 0 if none.
  u32 entry(LinearAddr address) const;
  /// The same beside the guest's entry, and why they differ or agree (shadow_entry_state.cpp).
  ShadowEntryState entry_state(LinearAddr address) const;
  u64 tables() const { return live_; }
  u64 unsynced() const { return unsynced_.size(); }  ///< guest page tables that are out of sync now
  /// Host memory of what is kept beside the tables, about.
  u64 bookkeeping_bytes() const {
    return slab_.size() * sizeof(Table) + first_writable_.size() * (sizeof(u32) + 1);
  }

 private:
  static constexpr u32 kNone = ~u32{0};
  enum Trace : u8 { kTracePaging = 1, kTraceOther = 2 };

  /// What a shadow table stands for.
  struct Key {
    u32 frame = 0;  ///< guest frame of the table; of the large page itself if `large`; index if `unpaged`
    u8 level = 1;   ///< 2 = page directory
    u8 access = 0;  ///< pte::W | pte::U as granted by the directory entry above
    bool large = false;    ///< one 4 MiB page, split
    bool clean = false;    ///< a large page whose D is not set: without CR0.WP its access alone does not tell
    bool unpaged = false;  ///< guest paging is off: identity
    u64 packed() const {
      return u64{frame} << 16 | u64{level} << 8 | access | (large ? 64u : 0) | (unpaged ? 128u : 0) |
             (clean ? 32u : 0);
    }
    bool backed() const { return !large && !unpaged; }  ///< by a guest frame that holds a table
    bool operator==(const Key&) const = default;
  };
  struct Parent {
    u32 table;
    u32 index;
  };
  struct Table {
    bool live = false;
    /// Found again by its key. Any other table belongs to one directory entry, or is the root, and dies with
    /// that.
    bool shared = false;
    Key key;
    MachinePhys frame;
    u32* entries = nullptr;
    std::vector<Parent> parents;
    u32 next_of_frame = kNone;            ///< other uses of the same guest frame
    unsigned writes = 0;                  ///< traced since the last fault that went through it
    std::array<u32, 1024> next_writable;  ///< chains of writable entries per guest frame
    std::array<u32, 1024> previous_writable;
  };

  u32 find_or_make(const Key& key);
  MachinePhys take_frame();
  void zap(u32 table);
  void forget_key(u32 table);
  void clear_entry(u32 table, u32 index);
  void write_leaf(u32 table, u32 index, u32 value);
  void link(u32 root, u32 index, u32 child);
  void unlink(u32 child, u32 parent, u32 index);
  void synchronize(u32 table, u32 index);
  bool may_unsync(u32 frame) const;
  void unsync(u32 frame);
  void resynchronize(u32 frame);
  void resynchronize_all();
  u32 guest_entry(const Key& key, u32 index) const;
  u32 leaf_value(const Key& key, u32 guest_entry) const;
  Key child_key(u32 directory_index, u32 directory_entry) const;
  bool leads_to(u32 directory_index, u32 directory_entry, const Key& key) const;
  void fill(LinearAddr address, Access access, bool user, const PageWalk& walk);
  void protect(u32 frame);
  void forget_translation(const Table& table, u32 index);
  u32 child_of(const Table& directory, u32 index) const;
  Table& at(u32 index) { return slab_[index]; }
  const Table& at(u32 index) const { return slab_[index]; }

  GuestMemory ram_;
  FramePool& frames_;
  Ledger& ledger_;
  ShadowPolicy policy_;
  u32 monitor_entry_;
  u32 guest_entries_;  ///< of a root: all, or all but the monitor's
  Invalidate invalidate_;
  IsDevice is_device_;
  PagingMode mode_;
  u32 root_ = kNone;

  std::deque<Table> slab_;  ///< tables stay where they are
  std::vector<u32> unused_;
  std::unordered_map<u64, u32> by_key_;
  std::unordered_map<u32, u32> by_frame_;  ///< guest frame -> first table; more by next_of_frame
  std::vector<u32> table_of_machine_frame_;
  std::vector<u8> trace_;            ///< Trace bits per guest frame
  std::vector<u32> unsynced_;        ///< guest frames whose shadows are out of sync, in that order
  std::vector<u32> first_writable_;  ///< per guest frame: table << 10 | index of a writable shadow entry
  u32 clock_hand_ = 0;
  u64 live_ = 0;
};

}  // namespace ringside
