// The x86 problem, caught in the act: what a sensitive instruction that executes silently does otherwise than
// the guest's own processor would, found by comparing the real processor's state with the virtual one just
// before it executes.
//
// Simplified: of LAR, LSL, VERR and VERW the descriptors are compared, not the answers.
// Literature: Robin & Irvine 2000, sections 3 and 4.
#pragma once

#include <optional>
#include <string>

#include "hypervisor/trap/guest.h"

namespace ringside {

/// The first one of a run.
struct SilentDifference {
  u32 eip = 0;
  u64 instruction = 0;      ///< guest instructions before it
  std::string disassembly;  ///< "popfd"
  std::string what;         ///< "left interrupts on, which ... would have turned off"; one clause
};

/// nullopt: this execution gives what it would give on bare metal. Without side effects. `opcode` and `reg`
/// are those of SilentSensitive.
std::optional<SilentDifference> silent_difference(TrapGuest& guest, u16 opcode, u8 reg);

}  // namespace ringside
