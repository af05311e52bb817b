// Which bits of EFLAGS exist, and who may change them. Not for use outside cpu/.
// Manual: Intel SDM vol. 1 section 3.4.3, vol. 2 (POPF, IRET).
#pragma once

#include "cpu/core.h"

namespace ringside {

inline u32 iopl(const CpuState& s) { return (s.eflags >> 12) & 3; }

/// The defined bits of a model's EFLAGS: AC came with the 80486, ID with CPUID. VIF and VIP need CR4.VME,
/// which is absent.
constexpr u32 existing_flags(CpuModel model) {
  u32 bits = eflags::kArithmetic | eflags::TF | eflags::IF | eflags::DF | eflags::IOPL | eflags::NT |
             eflags::RF | eflags::VM;
  if (model >= CpuModel::I486) bits |= eflags::AC;
  if (model >= CpuModel::Pentium) bits |= eflags::ID;
  return bits;
}

/// sensitive() for an IRET about to load these flags: it matters only where IF or IOPL would change and may
/// not.
bool sensitive_iret(Core&, u32 flags);

}  // namespace ringside
