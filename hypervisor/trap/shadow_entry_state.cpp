// Why a shadow entry is what it is: the question that every reader of a shadow page table asks.
#include <algorithm>

#include "hypervisor/guest_walk.h"
#include "hypervisor/trap/shadow_paging.h"

namespace ringside {

ShadowEntryState ShadowPaging::entry_state(LinearAddr address) const {
  using Why = ShadowEntryState::Why;
  ShadowEntryState s;
  s.shadow = entry(address);
  if (address.value >> 22 >= guest_entries_) return s.why = Why::Monitor, s;
  const PageWalk walk = walk_guest(ram_, mode_, address, Access::Read);
  if (walk.count) s.guest = static_cast<u32>(walk.steps[walk.count - 1].entry);
  // The page table that the guest's entry lies in: the directory's frame does not go out of sync.
  const u32 table = walk.count == 2 ? static_cast<u32>(walk.steps[1].entry_address >> 12) : kNone;
  s.unsynced = std::find(unsynced_.begin(), unsynced_.end(), table) != unsynced_.end();

  if (!walk.ok) return s.why = s.shadow ? Why::Stale : Why::GuestAbsent, s;
  const GuestPhys physical(walk.physical);
  if (!ram_.contains(physical) || is_device_(physical)) return s.why = Why::Device, s;
  if (!s.shadow) return s.why = Why::NotFilled, s;
  const bool same_frame = (s.shadow & pte::kFrame) == (ram_.to_machine(physical).value & pte::kFrame);
  const bool more_rights =
      (s.shadow & pte::W && !walk.writable && mode_.cr0 & cr0::WP) || (s.shadow & pte::U && !walk.user);
  if (!same_frame || more_rights) return s.why = Why::Stale, s;
  if (walk.user && !(s.shadow & pte::U)) return s.why = Why::KernelOnly, s;
  if (walk.writable && !(s.shadow & pte::W)) {
    const u8 trace = trace_[physical.frame()];
    s.why = trace & kTracePaging ? Why::TracedTable
            : trace              ? Why::TracedOther
            : !walk.dirty        ? Why::CleanPage
                                 : Why::Stale;
    return s;
  }
  s.why = Why::InSync;
  return s;
}

std::string_view describe(ShadowEntryState::Why why) {
  using Why = ShadowEntryState::Why;
  switch (why) {
    case Why::GuestAbsent: return "the guest maps nothing here: an access is a true page fault";
    case Why::NotFilled: return "not shadowed yet: the next access is a hidden page fault";
    case Why::Device: return "a device: left out of the shadow, so that every access reaches the monitor";
    case Why::InSync: return "the shadow agrees with the guest";
    case Why::CleanPage: return "read-only until a first write sets the guest's D bit";
    case Why::TracedTable: return "read-only: the frame holds a page table, writes are traced";
    case Why::TracedOther: return "read-only: it holds a descriptor table, writes are traced";
    case Why::KernelOnly:
      return "the kernel's alone for now: it writes to a read-only page while CR0.WP is off";
    case Why::Stale: return "stale: the guest has changed its entry and not flushed it yet, as a TLB may";
    case Why::Monitor: return "the monitor's own addresses";
  }
  return "";
}

}  // namespace ringside
