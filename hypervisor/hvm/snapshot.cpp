// What the VMX monitor remembers of its guest.
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/memento.h"

namespace ringside {
namespace {

struct State {
  Vmcs vmcs;
  EptTables::State ept;
  bool interrupt, window;
};

}  // namespace

std::unique_ptr<const MonitorState> VmxMonitor::save() const {
  return keep(State{vmcs_, ept_.state(), pending().interrupt, pending().window},
              ept_.table_frames() * sizeof(MachinePhys));
}

void VmxMonitor::restore(const MonitorState& state) {
  const State& saved = kept<State>(state);
  vmcs_ = saved.vmcs;
  ept_.restore(saved.ept);
  set_pending({saved.interrupt, saved.window});
}

}  // namespace ringside
