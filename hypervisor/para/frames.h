// The frames that the monitor builds on the guest's ring-1 stack, as hardware would, and the way back:
// RS_HC_IRET.
//
// What hardware does in one step is done here with the same checks. Where hardware would raise a fault about
// a stack or a selector, the guest has no stack to take it on, and the monitor ends it; the string returned
// says why. Manual: Intel SDM vol. 3 section 6.12.1, vol. 2 "IRET".
#pragma once

#include <string>

#include "hypervisor/para/descriptors.h"
#include "hypervisor/para/guest_linear.h"
#include "hypervisor/para/trap_table.h"

namespace ringside::para {

struct GuestContext {
  CpuState& cpu;
  const DescriptorTables& tables;
  const GuestLinear& memory;
};

/// Pushes (ESP, SS if the ring changes,) EFLAGS with IF = `virtual_if`, CS, EIP (and the error code) and
/// continues at `handler`. Empty, or why it is impossible; nothing has changed then.
std::string push_frame(GuestContext guest, const TrapHandler& handler, std::optional<u32> error_code,
                       bool virtual_if);

/// Pops EAX, EIP, CS, EFLAGS (, ESP, SS); `virtual_if` is what EFLAGS.IF said. Empty, or why it is
/// impossible.
std::string pop_frame(GuestContext guest, bool& virtual_if);

}  // namespace ringside::para
