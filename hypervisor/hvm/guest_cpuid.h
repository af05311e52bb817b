// What a guest under hardware assistance sees of its processor, simulated or real.
#pragma once

#include "cpu/cpuid.h"

namespace ringside {

/// The first of the leaves that hypervisors answer for themselves: its signature is in EBX, ECX and EDX.
inline constexpr u32 kHypervisorLeaf = 0x40000000u;

/// The host's processor without what the guest cannot have, and with what no processor says of itself: that
/// there is a hypervisor, and which: ours, or one that speaks KVM's language if `kvm_features` are not 0.
CpuidResult guest_cpuid(CpuModel, u32 leaf, u32 subleaf, u64 apic_base = 0, u32 kvm_features = 0);

}  // namespace ringside
