#include "hypervisor/guest_debug.h"

#include "hypervisor/kvm/kvm_monitor.h"

namespace ringside {

void set_debug_points(VirtualMachine& vm, std::vector<DebugPoint> points) {
  if (vm.mode() == Mode::Kvm)
    return static_cast<KvmMonitor&>(vm.monitor()).set_debug_points(std::move(points));
  Cpu& cpu = vm.host().cpu;
  cpu.clear_debug();
  for (const DebugPoint& p : points) {
    if (p.kind == DebugPoint::Kind::Execute)
      cpu.add_breakpoint(p.address);
    else
      cpu.add_watchpoint(p.address, p.bytes, p.kind == DebugPoint::Kind::ReadOrWrite);
  }
}

CpuState& processor_registers(VirtualMachine& vm) {
  if (vm.mode() == Mode::Kvm) return static_cast<KvmMonitor&>(vm.monitor()).kvm().state();
  return vm.host().cpu.state();
}

}  // namespace ringside
