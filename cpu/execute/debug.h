// Breakpoints: the guest's own in DR0-DR3, and those of a debugger outside the guest.
//
// While any is armed every block holds one instruction and no memory operand takes the fast path, so that the
// run loop and the general path to memory are the only places that must look. Manual: Intel SDM vol. 3
// section 18.2.
#pragma once

#include "cpu/core.h"

namespace ringside {

/// Any instruction or data breakpoint armed.
bool debugging(const Core&);
/// DR6 bits of the guest's instruction breakpoints at this address.
u32 instruction_breakpoints(const Core&, u32 linear);
/// A breakpoint of the outside debugger, unless it was reported just before.
bool debugger_breakpoint(Core&, u32 linear);
void match_data_breakpoints(Core&, LinearAddr, u32 bytes, bool write);

/// Ports, with CR4.DE.
void match_port_breakpoints(Core&, u16 port, u32 bytes);

inline void note_port_access(Core& c, u16 port, u32 bytes) {
  if (c.x.debugging) [[unlikely]]
    match_port_breakpoints(c, port, bytes);
}
inline void note_data_access(Core& c, LinearAddr address, u32 bytes, bool write) {
  if (c.x.debugging) [[unlikely]]
    match_data_breakpoints(c, address, bytes, write);
}

}  // namespace ringside
