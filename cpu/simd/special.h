// The SIMD instructions that fit no pattern: state in memory, masked stores, fences.
#pragma once

#include "cpu/insn.h"

namespace ringside::simd {

/// #UD or #NM where the system has not provided for the XMM registers, or for MMX; then #MF.
bool sse_available(Core&);
bool mmx_available(Core&);
/// What every MMX instruction but EMMS does to the x87's stack.
void enter_mmx(FpuState&);

bool fxsave(Insn&, Core&);
bool fxrstor(Insn&, Core&);
bool ldmxcsr(Insn&, Core&);
bool stmxcsr(Insn&, Core&);
bool fence(Insn&, Core&);       ///< nothing is reordered here
bool flush_line(Insn&, Core&);  ///< CLFLUSH: an access, of caches that are not modelled
bool maskmovq(Insn&, Core&);
bool maskmovdqu(Insn&, Core&);
bool movnti(Insn&, Core&);

}  // namespace ringside::simd
