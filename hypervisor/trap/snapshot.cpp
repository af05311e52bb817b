// What the trap-and-emulate monitor remembers of its guest: the virtual processor, the bookkeeping of the
// shadow tables (the tables themselves are machine memory) and of the shadow descriptors.
#include "hypervisor/memento.h"
#include "hypervisor/trap/trap_monitor.h"

namespace ringside {
namespace {

struct State {
  TrapGuest guest;
  std::optional<SilentDifference> first_difference;
  bool in_exit, single_step, triple_fault;
};

}  // namespace

std::unique_ptr<const MonitorState> TrapMonitor::save() const {
  return keep(State{guest, first_difference_, in_exit_, single_step_, triple_fault_},
              guest.paging.bookkeeping_bytes());
}

void TrapMonitor::restore(const MonitorState& state) {
  const State& saved = kept<State>(state);
  put_back(guest, saved.guest);
  first_difference_ = saved.first_difference;
  in_exit_ = saved.in_exit;
  single_step_ = saved.single_step;
  triple_fault_ = saved.triple_fault;
}

}  // namespace ringside
