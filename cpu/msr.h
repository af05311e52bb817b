// The model-specific registers that 32-bit kernels touch, as far as they are plain state: what RDMSR and
// WRMSR do once privilege, and a monitor's wish to intercept, have been dealt with. The time-stamp counter is
// the caller's. Manual: Intel SDM vol. 4.
#pragma once

#include "cpu/cpu.h"

namespace ringside {

namespace msr {
inline constexpr u32 kTsc = 0x10, kApicBase = 0x1B, kSysenterCs = 0x174, kSysenterEsp = 0x175,
                     kSysenterEip = 0x176, kMiscEnable = 0x1A0, kPat = 0x277;
/// Of IA32_APIC_BASE: the bootstrap processor's flag, the local APIC's enable bit, where its registers lie.
inline constexpr u64 kApicBootstrap = 1u << 8, kApicEnable = 1u << 11, kApicFrame = 0xFFFFFF000;
}  // namespace msr

/// False: there is no such register (#GP(0)).
bool read_msr(CpuModel, const CpuState&, u32 index, u64& value);
/// False: there is no such register, or it does not take this value (#GP(0)); nothing has changed.
bool write_msr(CpuModel, CpuState&, u32 index, u64 value);

}  // namespace ringside
