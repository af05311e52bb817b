// The two sides of cpu/transfer_memo.h: remembering what the long way found, and going the short way. Not for
// use outside cpu/.
#pragma once

#include "cpu/descriptor_access.h"

namespace ringside {

/// To be called when the event has been delivered through the gate, on the way described. `stack` is nullptr
/// if the stack stayed.
void remember_gate(Core&, const Event&, u32 old_cpl, const Descriptor& gate, const Slot& code,
                   const Slot* stack);
/// To be called when a 32-bit IRET has been carried out.
void remember_return(Core&, u32 old_cpl, const Slot& code, const Slot* stack);

/// Delivers the event if the way is known and nothing stands in it. EFLAGS must be complete. False: nothing
/// done.
bool deliver_by_memo(Core&, const Event&, u32 cr2);
/// The same for a 32-bit IRET. EFLAGS need not be complete.
bool return_by_memo(Core&);

}  // namespace ringside
