// The slots of a block that are not instructions.
#pragma once

#include "cpu/execute/operand.h"

namespace ringside {

/// First instruction of a dropped block: look the block up again.
Step redirect(Insn*, Core*);
/// Before an instruction that crosses a page: is the second page still where it was?
Step crossing_guard(Insn*, Core*);
/// Exit not taken yet: finds the target block, links to it if it lies in the same page, otherwise becomes
/// cross_page.
Step resolve(Insn*, Core*);
/// Exit to another page, by way of the jump cache.
Step cross_page(Insn*, Core*);
/// After the last instruction of a block that does not branch.
Step end_of_block(Insn*, Core*);

/// The instruction completed and has set s.eip itself: back to the run loop.
Step leave_redirected(Insn*, Core*);
/// Continues at `eip` by way of the jump cache; the block has been charged already.
[[gnu::always_inline]] inline Step jump_to(Core*, u32 eip);
/// The same, where the jump cache does not know.
Step jump_slow(Core*, u32 eip);

[[gnu::always_inline]] inline Step jump_to(Core* c, u32 eip) {
  const JumpEntry& e = c->x.jumps[BlockCache::jump_index(eip)];
  if (e.eip != eip || e.context != c->x.context) [[unlikely]]
    return jump_slow(c, eip);
  return go(e.entry, c);
}

/// One handler for a compare-like instruction and the conditional jump after it; nullptr if the pair has
/// none.
Handler select_fused(const Decoded& first, const Decoded& second);

}  // namespace ringside
