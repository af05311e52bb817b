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

/// Exceptions reported before their instruction has done anything push RF = 1, so that an instruction
/// breakpoint does not hit again on return (SDM vol. 3 section 17.3.1.1).
inline bool fault_class(const Event& e) {
  constexpr u32 kFaults = 1u << vector::DE | 1u << vector::BR | 1u << vector::UD | 1u << vector::NM |
                          1u << vector::TS | 1u << vector::NP | 1u << vector::SS | 1u << vector::GP |
                          1u << vector::PF | 1u << vector::MF | 1u << vector::AC;
  return e.type == EventType::HardwareException && e.vector < 32 && (kFaults >> e.vector & 1);
}

/// What protected-mode IRET may change at this privilege.
inline u32 changeable_flags(const CpuState& s) {
  u32 mask = ~(eflags::VM | eflags::VIF | eflags::VIP | eflags::IOPL | eflags::IF);
  if (s.cpl() == 0) mask |= eflags::IOPL;
  if (s.cpl() <= iopl(s)) mask |= eflags::IF;
  return mask;
}

/// sensitive() for an IRET about to load these flags: it matters only where IF or IOPL would change and may
/// not.
bool sensitive_iret(Core&, u32 flags);

}  // namespace ringside
