#include "hypervisor/trap/shadow_paging.h"

#include <algorithm>
#include <cassert>

#include "hypervisor/guest_walk.h"
#include "hypervisor/trap/shadow_layout.h"

namespace ringside {

using namespace shadow_layout;

namespace {

/// A write larger than this to a traced table is no page-table update.
constexpr u64 kLargestEntryWrite = 16;

}  // namespace

ShadowPaging::ShadowPaging(GuestMemory ram, FramePool& frames, Ledger& ledger, ShadowPolicy policy,
                           u32 monitor_directory_entry, Invalidate invalidate, IsDevice is_device)
    : ram_(ram),
      frames_(frames),
      ledger_(ledger),
      policy_(policy),
      monitor_entry_(monitor_directory_entry),
      guest_entries_(monitor_directory_entry ? kMonitorIndex : kEntries),
      invalidate_(std::move(invalidate)),
      is_device_(std::move(is_device)),
      table_of_machine_frame_(ram.base().frame(), kNone),
      trace_(ram.size() / kPageSize),
      first_writable_(ram.size() / kPageSize, kNone) {}

// ---- modes and roots

MachinePhys ShadowPaging::set_mode(const PagingMode& mode) {
  constexpr u32 kCr0Mask = cr0::WP;  // PG is part of the root's key
  const bool reinterpreted = (mode.cr0 ^ mode_.cr0) & kCr0Mask || (mode.cr4 ^ mode_.cr4) & cr4::PSE;
  resynchronize_all();
  const u32 old_root = root_;
  root_ = kNone;
  mode_ = mode;
  if (reinterpreted || !policy_.keep_across_cr3_write)
    drop_all();
  else if (old_root != kNone && !at(old_root).shared)
    zap(old_root);
  Key key{.level = 2, .access = kRights, .unpaged = !(mode.cr0 & cr0::PG)};
  if (!key.unpaged) key.frame = mode.cr3 >> 12;
  root_ = find_or_make(key);
  invalidate_(std::nullopt);
  return at(root_).frame;
}

void ShadowPaging::drop_all() {
  const u32 root = root_;
  for (u32 t = 0; t < slab_.size(); ++t)
    if (at(t).live && t != root) zap(t);
}

// ---- page faults

ShadowPaging::Resolution ShadowPaging::resolve(LinearAddr address, Access access, bool user) {
  PagingMode mode = mode_;
  mode.user = user;
  Resolution r{Resolution::Kind::Filled,
               // A and D only ever add rights, so what was derived from the entry stays right.
               walk_guest_and_mark(ram_, mode, address, access, [](GuestPhys) {}), GuestPhys(0)};
  ledger_.count(CostEvent::GuestWalkReference, r.walk.count);
  if (!r.walk.ok) {
    r.kind = Resolution::Kind::GuestFault;
    return r;
  }
  r.physical = GuestPhys(r.walk.physical);
  if (!ram_.contains(r.physical) || is_device_(r.physical)) {
    r.kind = Resolution::Kind::Device;
  } else if (access == Access::Write && may_unsync(static_cast<u32>(r.physical.frame()))) {
    r.kind = Resolution::Kind::Unsynced;
    unsync(static_cast<u32>(r.physical.frame()));
    fill(address, access, user, r.walk);
  } else if (access == Access::Write && traced(r.physical)) {
    r.kind = Resolution::Kind::TracedWrite;
  } else {
    assert(index_of(address, 2) < guest_entries_);
    fill(address, access, user, r.walk);
  }
  return r;
}

ShadowPaging::Key ShadowPaging::child_key(u32 directory_index, u32 directory_entry) const {
  Key key;
  if (!(mode_.cr0 & cr0::PG)) {
    key = {.frame = directory_index, .access = kRights, .unpaged = true};
  } else if (directory_entry & pte::PS && mode_.cr4 & cr4::PSE) {
    key = {.frame = (directory_entry & 0xFFC00000u) >> 12,
           .access = static_cast<u8>(directory_entry & kRights),
           .large = true,
           .clean = !(directory_entry & pte::D)};
    if (key.clean) key.access &= ~pte::W;
  } else {
    key = {.frame = directory_entry >> 12, .access = static_cast<u8>(directory_entry & kRights)};
  }
  return key;
}

/// Whether a walk through the guest's directory entry still ends in what `key` stands for.
bool ShadowPaging::leads_to(u32 directory_index, u32 directory_entry, const Key& key) const {
  const bool large = directory_entry & pte::PS && mode_.cr4 & cr4::PSE;
  return (directory_entry & pte::P) && !(large && directory_entry & paging_detail::kLarge4MReserved) &&
         child_key(directory_index, directory_entry) == key;
}

void ShadowPaging::fill(LinearAddr address, Access access, bool user, const PageWalk& walk) {
  const u32 directory_index = index_of(address, 2), index = index_of(address, 1);
  // The directory entry as the walk left it: it has set D only if the page is a large one.
  u32 directory_entry = static_cast<u32>(walk.steps[0].entry);
  if (access == Access::Write && walk.page_bytes > kPageSize) directory_entry |= pte::D;
  const Key key = child_key(directory_index, directory_entry);

  u32 child = child_of(at(root_), directory_index);
  if (child != kNone && at(child).key != key) {
    clear_entry(root_, directory_index);
    child = kNone;
  }
  if (child == kNone) {
    child = find_or_make(key);
    link(root_, directory_index, child);
  }
  at(root_).writes = at(child).writes = 0;

  u32 value = leaf_value(key, guest_entry(key, index));
  if (value && access == Access::Write && !user && mode_.cr0 & cr0::PG && !(mode_.cr0 & cr0::WP)) {
    // Without CR0.WP a kernel may write what its tables call read-only. The entry becomes the kernel's alone
    // until the next user access, which finds the U bit missing and turns it back.
    if (!(value & pte::W)) value &= ~pte::U;
    if (!traced(GuestPhys(walk.physical))) value |= pte::W;
  }
  write_leaf(child, index, value);
}

/// The guest's entry for a place in a shadow table; made up where the shadow stands for no guest table.
u32 ShadowPaging::guest_entry(const Key& key, u32 index) const {
  if (key.unpaged) return (key.frame << 22) | (index << 12) | kRights | pte::P | pte::A | pte::D;
  if (key.large) return ((key.frame + index) << 12) | kRights | pte::P | pte::A | pte::D;
  return ram_.read<u32>(GuestPhys((u64{key.frame} << 12) + index * 4)).value_or(0);
}

u32 ShadowPaging::leaf_value(const Key& key, u32 guest_entry) const {
  const GuestPhys physical(guest_entry & pte::kFrame);
  if ((guest_entry & (pte::P | pte::A)) != (pte::P | pte::A)) return 0;
  if (!ram_.contains(physical, kPageSize) || is_device_(physical)) return 0;
  u32 rights = guest_entry & key.access & kRights;
  if (!(guest_entry & pte::D) || traced(physical)) rights &= ~pte::W;
  return static_cast<u32>(ram_.to_machine(physical).value) | rights | kShadowBits;
}

// ---- what the guest does to its tables

void ShadowPaging::invlpg(LinearAddr address) {
  // A traced table and its shadow agree already, one that is out of sync does so again in this entry. Any
  // other shadow is a TLB, and forgets.
  Table& root = at(root_);
  const u32 directory_index = index_of(address, 2);
  const u32 child = child_of(root, directory_index);
  if (child != kNone && !at(child).shared) clear_entry(child, index_of(address, 1));
  if (child != kNone && at(child).shared && at(child).key.backed()) synchronize(child, index_of(address, 1));
  if (child != kNone && !root.shared) {
    const u32 entry = guest_entry(root.key, directory_index);
    if (!leads_to(directory_index, entry, at(child).key)) clear_entry(root_, directory_index);
  }
  invalidate_(address);
}

void ShadowPaging::memory_written(GuestPhys address, u64 bytes) {
  if (!bytes || !ram_.contains(address, bytes)) return;
  for (u64 frame = address.frame(); frame <= (address.value + bytes - 1) >> 12; ++frame) {
    if (!(trace_[frame] & kTracePaging)) continue;
    if (bytes > kLargestEntryWrite) {
      unshadow(GuestPhys(frame << 12));
      continue;
    }
    const u64 page = frame << 12;
    const u32 first = address.value > page ? static_cast<u32>(address.value - page) / 4 : 0;
    const u64 last_byte = std::min<u64>(address.value + bytes - 1 - page, kPageMask);
    for (u32 t = by_frame_.at(static_cast<u32>(frame)), next; t != kNone; t = next) {
      next = at(t).next_of_frame;
      for (u32 index = first; index <= last_byte / 4; ++index) synchronize(t, index);
      if (++at(t).writes > policy_.flood_limit && t != root_) zap(t);
    }
  }
}

void ShadowPaging::synchronize(u32 table, u32 index) {
  const Key key = at(table).key;
  const u32 entry = guest_entry(key, index);
  if (key.level == 1) {
    if (at(table).entries[index] || entry & pte::P) write_leaf(table, index, leaf_value(key, entry));
    return;
  }
  const u32 child = index >= guest_entries_ ? kNone : child_of(at(table), index);
  if (child == kNone) return;
  if (!(entry & pte::A) || !leads_to(index, entry, at(child).key)) clear_entry(table, index);
}

u32 ShadowPaging::entry(LinearAddr address) const {
  if (root_ == kNone) return 0;
  const u32 child = child_of(at(root_), index_of(address, 2));
  return child == kNone ? 0 : at(child).entries[index_of(address, 1)];
}

}  // namespace ringside
