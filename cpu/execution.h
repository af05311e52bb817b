// What the engine keeps while it runs: the lazy flags, the countdown of the budget, what decoded code depends
// on.
//
// None of it is architectural state. It is derived from CpuState when run() begins, and folded back when
// run() ends or when one of the functions of core.h that read CpuState is called.
#pragma once

#include <atomic>
#include <vector>

#include "cpu/flags.h"
#include "cpu/insn.h"
#include "cpu/tlb.h"

namespace ringside {

struct JumpEntry;

/// What the decoding of an instruction, and the choice of its handler, depend on besides its bytes.
namespace mode {
inline constexpr u32 kCode32 = 1;   ///< CS.D
inline constexpr u32 kStack32 = 2;  ///< SS.B
inline constexpr u32 kFlat =
    4;  ///< CS, DS, ES, SS start at 0 and reach kFlatLimit; memory operands need no checks
inline constexpr u32 kUser = 8;  ///< CPL 3: which half of the TLB
inline constexpr u32 kSingle =
    16;  ///< blocks of one instruction: budget nearly spent, single step, breakpoints
inline constexpr u32 kBits = 8;
}  // namespace mode

inline constexpr u32 kSingleStep = 1u << 14;  ///< DR6.BS

struct Execution {
  LazyFlags flags;
  TlbEntry* tlb = nullptr;     ///< of the current privilege
  JumpEntry* jumps = nullptr;  ///< the cache of branch targets (block_cache.h)
  /// Each block subtracts its length at its end and leaves for the run loop when the result is negative. It
  /// starts one maximal block below what may be executed, so that the budget is never overrun.
  i64 countdown = 0;
  u64 retired_base = 0;  ///< counters.instructions + countdown: constant but for REP
  /// What counters.instructions + counters.rep_iterations come to when the budget is spent. An element of a
  /// repeated string instruction costs as much as an instruction, so that none is too long to be interrupted.
  u64 budget_end = 0;
  u32 context = 0;  ///< generation of code translations and mode; what a cached branch target is valid for
  u32 generation = 1;
  u32 cs_base = 0, cs_limit = 0;  ///< of CS, where branches look
  bool alignment = false;         ///< alignment checking is on: the user's pages have no tags
  bool debugging = false;  ///< a breakpoint is armed: single-instruction blocks, general memory operands
  std::atomic<bool> attention{false};  ///< something must be looked at before the next instruction
  bool mode_changed = false;           ///< segments, CPL or control registers may have changed
  bool event_delivered = false;   ///< the instruction was INT n or its like: no single-step trap after it
  u32 debug_causes = 0;           ///< DR6 bits of the debug trap that follows this instruction
  const Insn* current = nullptr;  ///< the instruction that is about to call out of the engine
  u64 value = 0;                  ///< what a slow-path read yielded
  Handler twin = nullptr;         ///< of the fast handler that has missed the TLB
  LinearAddr update_address{};    ///< where the pending read-modify-write goes
};

/// Breakpoints and watchpoints of a debugger outside the guest.
struct DebugPoints {
  struct Watch {
    u32 begin = 0, bytes = 0;
    bool on_read = false;
  };
  std::vector<u32> breakpoints;  ///< linear
  std::vector<Watch> watches;
  bool hit = false, hit_read = false;
  u32 hit_address = 0;
  u32 passed = 0;     ///< linear address whose breakpoint has just been reported
  bool pass = false;  ///< run over the breakpoint at `passed` once

  bool active() const { return !breakpoints.empty() || !watches.empty(); }
};

}  // namespace ringside
