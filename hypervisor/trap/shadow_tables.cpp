// Shadow tables, shared by what they stand for, and their entries.
#include <algorithm>
#include <cassert>

#include "cpu/host_error.h"
#include "hypervisor/trap/shadow_layout.h"
#include "hypervisor/trap/shadow_paging.h"

namespace ringside {

using namespace shadow_layout;

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

}  // namespace ringside
