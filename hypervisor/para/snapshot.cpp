// What the paravirtual monitor remembers of its guest: frame types and counts, tables, rings, timer.
#include "hypervisor/memento.h"
#include "hypervisor/para/para_monitor.h"

namespace ringside {

std::unique_ptr<const MonitorState> ParaMonitor::save() const {
  return keep(para::Domain(*domain_), host.machine.ram().size() / kPageSize * sizeof(para::FrameInfo));
}

void ParaMonitor::restore(const MonitorState& state) { put_back(*domain_, kept<para::Domain>(state)); }

}  // namespace ringside
