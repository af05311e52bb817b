// Where a lane stops, forwards and backwards.
#include "ui/model/lane.h"

#include <algorithm>

#include "cpu/host_error.h"
#include "hypervisor/guest_debug.h"

namespace ringside::model {

void Lane::set_breakpoints(std::vector<Breakpoint> breakpoints) {
  breakpoints_.swap(breakpoints);
  standing_at_ = instructions();
  try {
    apply_breakpoints();
  } catch (const HostError&) {
    breakpoints_.swap(breakpoints);  // the host's processor cannot have these
    throw;
  }
}

void Lane::apply_breakpoints(std::optional<LinearAddr> except) {
  if (!vm_) return;
  using Kind = command::AddBreakpoint::Kind;
  std::vector<DebugPoint> points;
  for (const Breakpoint& b : breakpoints_) {
    const LinearAddr at(b.what.value);
    if (b.what.kind == Kind::Address && at != except) points.push_back({at});
    if (b.what.kind == Kind::Memory)
      points.push_back(
          {at, b.what.on_read ? DebugPoint::Kind::ReadOrWrite : DebugPoint::Kind::Write, b.what.bytes});
  }
  set_debug_points(*vm_, std::move(points));
}

void Lane::leave_breakpoint() {
  if (instructions() != standing_at_) return;
  const CpuState s = vm_->monitor().virtual_state();
  const LinearAddr here(s.seg[CS].base + s.eip);
  const bool on_one = std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](const Breakpoint& b) {
    return b.what.kind == command::AddBreakpoint::Kind::Address && b.what.value == here.value;
  });
  if (!on_one) return;
  apply_breakpoints(here);
  vm_->step(1, false);
  apply_breakpoints();
}

bool Lane::back_to_breakpoint(const std::function<bool()>& give_up) {
  const u64 now = instructions();
  // One stretch between two points after the other, backwards; in each the last stop counts.
  for (u64 begin = now, end = now; begin > 0;) {
    const History::Point* point = history_.before(begin - 1);
    begin = point ? point->instruction() : 0;
    seek(begin);
    std::optional<u64> last;
    while (!ended() && instructions() < end) {
      if (run(std::min(end - instructions(), kReplaySlice)) && instructions() < end) last = instructions();
      if (give_up()) {
        seek(now);
        return true;
      }
    }
    if (last) {
      seek(*last);
      return true;
    }
    end = begin + 1;  // a breakpoint at the point itself belongs to the stretch before
  }
  seek(0);
  return false;
}

}  // namespace ringside::model
