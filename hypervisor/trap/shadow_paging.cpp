#include "hypervisor/trap/shadow_paging.h"

#include <algorithm>
#include <cassert>

#include "cpu/host_error.h"
#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/guest_walk.h"

namespace ringside {
namespace {

constexpr u32 kEntries = 1024;
constexpr u32 kMonitorIndex = static_cast<u32>(RS_MONITOR_BASE) >> 22;
constexpr u32 kRights = pte::W | pte::U;
constexpr u32 kLargeReserved = paging_detail::kLarge4MReserved;
/// A and D are set beforehand, so that the processor has nothing to write in shadow entries.
constexpr u32 kShadowBits = pte::P | pte::A | pte::D;
/// A write larger than this to a traced table is no page-table update.
constexpr u64 kLargestEntryWrite = 16;

u32 index_of(LinearAddr a, unsigned level) { return (a.value >> (level == 2 ? 22 : 12)) & (kEntries - 1); }

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
  return (directory_entry & pte::P) && !(large && directory_entry & kLargeReserved) &&
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

// ---- out of sync

bool ShadowPaging::may_unsync(u32 frame) const {
  if (!policy_.unsync || trace_[frame] != kTracePaging) return false;
  for (u32 t = by_frame_.at(frame); t != kNone; t = at(t).next_of_frame)
    if (at(t).key.level != 1) return false;
  return true;
}

void ShadowPaging::unsync(u32 frame) {
  // A page that is written again and again and never used as a table is data by now.
  for (u32 t = by_frame_.at(frame), next; t != kNone; t = next) {
    next = at(t).next_of_frame;
    if (++at(t).writes > policy_.flood_limit) zap(t);
  }
  if (!by_frame_.contains(frame)) return;
  trace_[frame] &= ~kTracePaging;
  unsynced_.push_back(frame);
}

void ShadowPaging::resynchronize(u32 frame) {
  std::erase(unsynced_, frame);
  trace_[frame] |= kTracePaging;
  protect(frame);
  for (u32 t = by_frame_.at(frame); t != kNone; t = at(t).next_of_frame) {
    u32 compared = 0;
    for (u32 index = 0; index < kEntries; ++index) {
      if (!at(t).entries[index]) continue;  // what is absent is filled when it is asked for
      synchronize(t, index);
      ++compared;
    }
    ledger_.count(CostEvent::GuestWalkReference, compared);
  }
}

void ShadowPaging::resynchronize_all() {
  while (!unsynced_.empty()) resynchronize(unsynced_.back());
}

// ---- tracing

void ShadowPaging::trace(GuestPhys frame) {
  if (!ram_.contains(frame)) return;
  trace_[frame.frame()] |= kTraceOther;
  protect(static_cast<u32>(frame.frame()));
}

void ShadowPaging::untrace(GuestPhys frame) {
  if (ram_.contains(frame)) trace_[frame.frame()] &= ~kTraceOther;
}

void ShadowPaging::protect(u32 frame) {
  while (first_writable_[frame] != kNone) {
    const u32 id = first_writable_[frame], t = id / kEntries, index = id % kEntries;
    write_leaf(t, index, at(t).entries[index] & ~pte::W);
  }
}

void ShadowPaging::unshadow(GuestPhys frame) {
  const u32 number = static_cast<u32>(frame.frame());
  for (auto it = by_frame_.find(number); it != by_frame_.end(); it = by_frame_.find(number)) {
    const u32 t = it->second;
    if (t != root_) {
      zap(t);
      continue;
    }
    // The root in use goes on without tracing, as a TLB would, until the next CR3 write.
    for (u32 index = 0; index < guest_entries_; ++index) clear_entry(t, index);
    forget_key(t);
  }
}

// ---- tables

u32 ShadowPaging::child_of(const Table& directory, u32 index) const {
  const u32 entry = directory.entries[index];
  return entry & pte::P ? table_of_machine_frame_[entry >> 12] : kNone;
}

u32 ShadowPaging::find_or_make(const Key& key) {
  // One more use of a frame that is out of sync brings it back, so that all of its shadows agree.
  if (key.backed() && std::find(unsynced_.begin(), unsynced_.end(), key.frame) != unsynced_.end())
    resynchronize(key.frame);
  const bool shared = policy_.trace_tables || !key.backed();
  if (shared)
    if (auto it = by_key_.find(key.packed()); it != by_key_.end()) return it->second;

  const MachinePhys frame = take_frame();
  u32 t;
  if (unused_.empty()) {
    t = static_cast<u32>(slab_.size());
    slab_.emplace_back();
  } else {
    t = unused_.back();
    unused_.pop_back();
  }
  Table& table = at(t);
  table.live = true;
  table.shared = shared;
  table.key = key;
  table.frame = frame;
  table.entries = reinterpret_cast<u32*>(ram_.machine().at(frame, kPageSize));
  table.writes = 0;
  table_of_machine_frame_[frame.frame()] = t;
  if (key.level == 2 && monitor_entry_) table.entries[kMonitorIndex] = monitor_entry_;
  ++live_;
  if (!shared) return t;

  by_key_.emplace(key.packed(), t);
  if (key.backed()) {
    auto [it, first] = by_frame_.try_emplace(key.frame, kNone);
    table.next_of_frame = it->second;
    it->second = t;
    if (key.frame < trace_.size()) {
      trace_[key.frame] |= kTracePaging;
      if (first) protect(key.frame);
    }
  }
  return t;
}

MachinePhys ShadowPaging::take_frame() {
  if (auto frame = frames_.allocate()) return *frame;
  // The pool is exhausted: the next table in turn gives up its frame; faults will rebuild what is still in
  // use.
  for (std::size_t tried = 0; tried < slab_.size(); ++tried) {
    clock_hand_ = (clock_hand_ + 1) % slab_.size();
    if (at(clock_hand_).live && clock_hand_ != root_) {
      zap(clock_hand_);
      if (auto frame = frames_.allocate()) return *frame;
    }
  }
  throw HostError("the monitor's memory has no room for a shadow page table; give it more frames");
}

void ShadowPaging::forget_key(u32 t) {
  Table& table = at(t);
  if (!table.shared) return;
  table.shared = false;
  by_key_.erase(table.key.packed());
  if (!table.key.backed()) return;
  const auto it = by_frame_.find(table.key.frame);
  u32* link = &it->second;
  while (*link != t) link = &at(*link).next_of_frame;
  *link = table.next_of_frame;
  table.next_of_frame = kNone;
  if (it->second == kNone) {
    by_frame_.erase(it);
    std::erase(unsynced_, table.key.frame);
    if (table.key.frame < trace_.size()) trace_[table.key.frame] &= ~kTracePaging;
  }
}

void ShadowPaging::zap(u32 t) {
  assert(at(t).live && t != root_);
  while (!at(t).parents.empty()) {
    const Parent p = at(t).parents.back();
    at(t).parents.pop_back();
    at(p.table).entries[p.index] = 0;
    ledger_.count(CostEvent::ShadowEntryWrite);
  }
  const u32 last = at(t).key.level == 2 ? guest_entries_ : kEntries;
  for (u32 index = 0; index < last; ++index) clear_entry(t, index);
  forget_key(t);
  at(t).live = false;
  table_of_machine_frame_[at(t).frame.frame()] = kNone;
  frames_.release(at(t).frame);
  unused_.push_back(t);
  --live_;
  invalidate_(std::nullopt);
}

// ---- entries

void ShadowPaging::link(u32 directory, u32 index, u32 child) {
  at(directory).entries[index] = static_cast<u32>(at(child).frame.value) | kRights | kShadowBits;
  at(child).parents.push_back({directory, index});
  ledger_.count(CostEvent::ShadowEntryWrite);
}

void ShadowPaging::unlink(u32 child, u32 parent, u32 index) {
  auto& parents = at(child).parents;
  std::erase_if(parents, [&](const Parent& p) { return p.table == parent && p.index == index; });
  if (!at(child).shared && at(child).live) zap(child);
}

void ShadowPaging::clear_entry(u32 t, u32 index) {
  Table& table = at(t);
  if (!table.entries[index]) return;
  if (table.key.level == 1) {
    write_leaf(t, index, 0);
    return;
  }
  const u32 child = child_of(table, index);
  table.entries[index] = 0;
  ledger_.count(CostEvent::ShadowEntryWrite);
  if (child != kNone) unlink(child, t, index);
  if (t == root_) invalidate_(std::nullopt);
}

void ShadowPaging::write_leaf(u32 t, u32 index, u32 value) {
  Table& table = at(t);
  const u32 old = table.entries[index];
  if (old == value) return;
  const u32 id = t * kEntries + index;
  auto guest_frame = [&](u32 entry) { return (entry >> 12) - static_cast<u32>(ram_.base().frame()); };
  auto link_of = [&](u32 other, bool next) -> u32& {
    Table& o = at(other / kEntries);
    return next ? o.next_writable[other % kEntries] : o.previous_writable[other % kEntries];
  };
  if (old & pte::W) {
    const u32 next = link_of(id, true), previous = link_of(id, false);
    (previous == kNone ? first_writable_[guest_frame(old)] : link_of(previous, true)) = next;
    if (next != kNone) link_of(next, false) = previous;
  }
  if (value & pte::W) {
    u32& first = first_writable_[guest_frame(value)];
    link_of(id, true) = first;
    link_of(id, false) = kNone;
    if (first != kNone) link_of(first, false) = id;
    first = id;
  }
  table.entries[index] = value;
  ledger_.count(CostEvent::ShadowEntryWrite);
  if (old) forget_translation(table, index);
}

void ShadowPaging::forget_translation(const Table& table, u32 index) {
  for (const Parent& p : table.parents)
    if (p.table == root_) invalidate_(LinearAddr((p.index << 22) | (index << 12)));
}

u32 ShadowPaging::entry(LinearAddr address) const {
  if (root_ == kNone) return 0;
  const u32 child = child_of(at(root_), index_of(address, 2));
  return child == kNone ? 0 : at(child).entries[index_of(address, 1)];
}

}  // namespace ringside
