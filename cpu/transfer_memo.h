// Transfers that went well, remembered: the short way through the usual gates, and back by IRET.
//
// What the checks of an interrupt gate or an IRET come to is a function of a few words: the gate, the
// descriptors of the new CS and SS, the privilege before. An entry holds those words as they were when the
// long way (interrupts.cpp, iret.cpp) succeeded, and the segments that it loaded. The short way reads the
// words again, from where they lie and through the TLB, and compares. So nothing is ever invalidated, and the
// guest cannot tell.
//
// It is taken in 32-bit protected mode, between stacks that span all of memory, and only where every access
// hits the TLB; otherwise it declines, with nothing changed.
#pragma once

#include <array>

#include "cpu/event.h"

namespace ringside {

struct TransferMemo {
  static constexpr u32 kNone = ~0u;

  /// An interrupt or trap gate.
  struct Gate {
    u32 key = kNone;                    ///< vector, CPL before, whether a program asked for it
    bool inner = false;                 ///< with a stack switch
    u64 gate = 0, code = 0, stack = 0;  ///< the words
    SegmentRegister cs, ss;             ///< what they lead to; ss if inner
    u32 eip = 0, cleared = 0;           ///< entry point, EFLAGS bits that the gate clears
  };
  /// The far end of an IRET.
  struct Return {
    u32 cpl = kNone;  ///< before
    bool outer = false;
    u64 code = 0, stack = 0;
    SegmentRegister cs, ss;
  };

  std::array<Gate, 64> gates;      ///< by vector
  std::array<Return, 16> returns;  ///< by selector

  Gate& gate(u8 vector) { return gates[vector % gates.size()]; }
  Return& target(u16 selector) { return returns[(selector >> 3) % returns.size()]; }
};

}  // namespace ringside
