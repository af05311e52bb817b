// What CPUID answers: the features that each CPU model has, without any hypervisor's touch.
//
// Modelled: leaves 0, 1 and 7, saying exactly what exists here; the local APIC while IA32_APIC_BASE enables
// it.
// Simplified: no cache, topology, power or extended leaves. A leaf beyond the highest answers as the highest
// does. Manual: Intel SDM vol. 2, CPUID.
#pragma once

#include "cpu/cpu.h"

namespace ringside {

struct CpuidResult {
  u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
  bool operator==(const CpuidResult&) const = default;
};

namespace cpuid_feature {
inline constexpr u32 kFpu = 1u << 0, kDe = 1u << 2, kPse = 1u << 3, kTsc = 1u << 4, kMsr = 1u << 5,
                     kPae = 1u << 6, kCx8 = 1u << 8, kApic = 1u << 9, kSep = 1u << 11, kPge = 1u << 13,
                     kCmov = 1u << 15, kPat = 1u << 16, kClfsh = 1u << 19, kMmx = 1u << 23, kFxsr = 1u << 24,
                     kSse = 1u << 25,
                     kSse2 = 1u << 26;        // leaf 1, EDX
inline constexpr u32 kHypervisor = 1u << 31;  // leaf 1, ECX: never set by a processor
inline constexpr u32 kUmip = 1u << 2;         // leaf 7, ECX
}  // namespace cpuid_feature

/// The answer for EAX = `leaf` and ECX = `subleaf` on a processor with `apic_base` in IA32_APIC_BASE (0: it
/// has no local APIC). The 386 and 486 have no CPUID: #UD, which is the caller's to raise.
CpuidResult cpuid_leaf(CpuModel, u32 leaf, u32 subleaf, u64 apic_base = 0);

/// The bits of CR4 that a model has, from the Pentium on. Setting another is #GP(0).
u32 existing_cr4(CpuModel);

}  // namespace ringside
