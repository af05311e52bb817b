// The one list of monitors: which class serves which mode, and how much machine memory it needs for itself.
#include "hypervisor/bare_metal.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/kvm/kvm_monitor.h"
#include "hypervisor/para/para_monitor.h"
#include "hypervisor/trap/trap_monitor.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {
namespace {
constexpr u64 kMiB = 1u << 20;
constexpr u64 kLargest = 4 * kMiB;
constexpr u64 whole_pages(u64 bytes) { return (bytes + kPageMask) & ~u64{kPageMask}; }
}  // namespace

u64 monitor_bytes(Mode mode, u64 ram_bytes) {
  switch (mode) {
    case Mode::Native: return 0;
    case Mode::Trap:
      return whole_pages(8 * kMiB + ram_bytes / 64);  // shadow tables; recycled when they run out
    case Mode::Para:
      return whole_pages(2 * kMiB +
                         ram_bytes / 256);  // the machine-to-guest table and the monitor's own mappings
    case Mode::Hvm:  // nested page tables; the guest's RAM behind them begins where a large page may
      return (2 * kMiB + ram_bytes / 256 + kLargest - 1) / kLargest * kLargest;
    case Mode::Kvm: return 0;  // the host kernel keeps its own
  }
  return 0;
}

std::unique_ptr<Monitor> make_monitor(Mode mode, Host& host, const VmConfig& config) {
  switch (mode) {
    case Mode::Native: return std::make_unique<BareMetal>(host);
    case Mode::Trap: return std::make_unique<TrapMonitor>(host, config.shadow);
    case Mode::Para:
      return std::make_unique<ParaMonitor>(host, config.host.machine.disk, config.host.machine.network);
    case Mode::Hvm:
      return std::make_unique<VmxMonitor>(host, VmxConfig{.ept_levels = config.ept_levels,
                                                          .shadow = config.shadow,
                                                          .large_pages = config.ept_large_pages,
                                                          .vpid = config.host.cpu.tlb.tagged,
                                                          .passthrough = config.passthrough});
    case Mode::Kvm:
      return std::make_unique<KvmMonitor>(host,
                                          KvmVirtualMachine::Config{.kernel_irqchip = config.kernel_irqchip,
                                                                    .log_dirty_pages = true,
                                                                    .pv_clock = config.host.pv_clock,
                                                                    .apic_base = host.machine.apic_base()});
  }
  __builtin_unreachable();
}

}  // namespace ringside
