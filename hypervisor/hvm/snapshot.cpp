// What the VMX monitor remembers of its guest.
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/memento.h"

namespace ringside {
namespace {

struct State {
  Vmcs vmcs;
  std::optional<EptTables::State> ept;
  std::optional<ShadowPaging> shadow;
  u32 guest_cr3;
  bool interrupt, window;
};

}  // namespace

std::unique_ptr<const MonitorState> VmxMonitor::save() const {
  State state{vmcs_, std::nullopt, shadow_, guest_cr3_, pending().interrupt, pending().window};
  if (ept_) state.ept = ept_->state();
  const u64 bytes =
      (ept_ ? ept_->table_frames() * sizeof(MachinePhys) : 0) + (shadow_ ? shadow_->bookkeeping_bytes() : 0);
  return keep(std::move(state), bytes);
}

void VmxMonitor::restore(const MonitorState& state) {
  const State& saved = kept<State>(state);
  vmcs_ = saved.vmcs;
  if (ept_) ept_->restore(*saved.ept);
  if (shadow_) put_back(*shadow_, *saved.shadow);
  guest_cr3_ = saved.guest_cr3;
  set_pending({saved.interrupt, saved.window});
}

}  // namespace ringside
