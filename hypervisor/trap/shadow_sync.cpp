// Which of the guest's page tables are write-protected, and which may differ from their shadows for a while.
#include <algorithm>

#include "hypervisor/trap/shadow_layout.h"
#include "hypervisor/trap/shadow_paging.h"

namespace ringside {

using namespace shadow_layout;

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

}  // namespace ringside
