// CPUID always exits: what the guest may know of its processor is the monitor's decision. It sees the host's
// processor without what it cannot have (VMX), and two things that no processor says of itself:
// that there is a hypervisor, and which. Manual: Intel SDM vol. 2, CPUID; the leaves from 40000000h on are
// the hypervisors' own convention.
#include "hypervisor/hvm/guest_cpuid.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/pv_clock.h"

namespace ringside {
namespace {

constexpr u32 four(const char* text) {
  return static_cast<u32>(text[0]) | static_cast<u32>(text[1]) << 8 | static_cast<u32>(text[2]) << 16 |
         static_cast<u32>(text[3]) << 24;
}

}  // namespace

CpuidResult guest_cpuid(CpuModel model, u32 leaf, u32 subleaf, u64 apic_base, u32 kvm_features) {
  if (kvm_features && (leaf == kHypervisorLeaf || leaf == kvm_interface::kFeatureLeaf))
    return kvm_cpuid(leaf, kvm_features);
  if (leaf == kHypervisorLeaf) return {kHypervisorLeaf, four("Ring"), four("side"), four(" HVM")};
  CpuidResult result = cpuid_leaf(model, leaf, subleaf, apic_base);
  if (leaf == 1) result.ecx |= cpuid_feature::kHypervisor;
  return result;
}

Outcome VmxMonitor::on(const exits::Cpuid& e) {
  return handle(ExitReason::Cpuid, [&] {
    auto& r = guest().gpr;
    const CpuidResult result = guest_cpuid(host.cpu.config().model, r[EAX], r[ECX], guest().apic_base,
                                           host.pv_clock ? PvClock::kFeatures : 0);
    r[EAX] = result.eax;
    r[EBX] = result.ebx;
    r[ECX] = result.ecx;
    r[EDX] = result.edx;
    return advance(e.length);
  });
}

}  // namespace ringside
