// Protection as the manual states it: what each segment load and far transfer must fault with, for every kind
// of descriptor, privilege, presence and limit. It knows nothing of any implementation, so that the simulated
// processor and a real one can be held to it alike.
//
// A case names one instruction, the privilege that it is executed at, and the descriptor (for a gate, the
// two) that it meets. The rules are the sentences of the manual's pseudo-code in its order; the first that
// applies decides. Manual: Intel SDM vol. 2 (MOV, JMP, CALL, RET, IRET, INT n), vol. 3
// sections 5.6-5.8, 6.12, 7.3.
#pragma once

#include <string>
#include <vector>

#include "cpu/event.h"

namespace ringside::test {

enum class Operation : u8 { LoadDs, LoadSs, Jump, Call, Return, InterruptReturn, Interrupt };

struct ProtectionCase {
  /// Bit 4 of `kind` is S, bits 0-3 are the type.
  struct Entry {
    u32 kind = 0, dpl = 0;
    bool present = true;

    bool segment() const { return kind & 16; }
    bool code() const { return (kind & 0x18) == 0x18; }
    bool conforming() const { return (kind & 0x1C) == 0x1C; }
    bool readable() const { return segment() && (!(kind & 8) || (kind & 2)); }
    bool writable() const { return (kind & 0x1A) == 0x12; }
    bool call_gate() const { return kind == 4 || kind == 12; }
    bool task_gate() const { return kind == 5; }
    bool interrupt_gate() const { return kind == 6 || kind == 7 || kind == 14 || kind == 15; }
    bool available_tss() const { return kind == 1 || kind == 9; }
    bool busy_tss() const { return kind == 3 || kind == 11; }
  };

  Operation operation{};
  u32 cpl = 0, rpl = 0;  ///< RPL of the selector that names `entry`
  Entry entry;           ///< what the selector (INT n: the vector) names
  Entry target;          ///< where a gate leads
  bool inside = true;    ///< the entry point lies within the limit; of a TSS: it is long enough

  bool gate() const { return entry.call_gate() || entry.task_gate() || entry.interrupt_gate(); }
  /// What the transfer ends up in.
  const Entry& code() const { return gate() ? target : entry; }
};

/// The fault's error code names this.
enum class Names : u8 { Zero, Entry, Target, Vector };

struct ProtectionRule {
  unsigned operations;  ///< bit set of Operation
  const char* sentence;
  bool (*applies)(const ProtectionCase&);
  u8 vector;
  Names names;
};

namespace protection {

constexpr unsigned on(Operation o) { return 1u << static_cast<unsigned>(o); }
constexpr unsigned kJumpOrCall = on(Operation::Jump) | on(Operation::Call);
constexpr unsigned kReturns = on(Operation::Return) | on(Operation::InterruptReturn);
constexpr unsigned kEnters = kJumpOrCall | on(Operation::Interrupt);
using Case = ProtectionCase;

inline const ProtectionRule kRules[] = {
    // ---- MOV to DS
    {on(Operation::LoadDs), "the segment is not a data or readable code segment",
     [](const Case& c) { return !c.entry.readable(); }, vector::GP, Names::Entry},
    {on(Operation::LoadDs), "data or nonconforming code, and RPL or CPL is greater than DPL",
     [](const Case& c) { return !c.entry.conforming() && (c.rpl > c.entry.dpl || c.cpl > c.entry.dpl); },
     vector::GP, Names::Entry},
    {on(Operation::LoadDs), "the segment is not present", [](const Case& c) { return !c.entry.present; },
     vector::NP, Names::Entry},
    // ---- MOV to SS
    {on(Operation::LoadSs), "RPL is not CPL, or not a writable data segment, or DPL is not CPL",
     [](const Case& c) { return c.rpl != c.cpl || !c.entry.writable() || c.entry.dpl != c.cpl; }, vector::GP,
     Names::Entry},
    {on(Operation::LoadSs), "the segment is not present", [](const Case& c) { return !c.entry.present; },
     vector::SS, Names::Entry},
    // ---- JMP and CALL: what the selector names
    {kJumpOrCall, "neither code, nor call gate, task gate or TSS",
     [](const Case& c) {
       const auto& e = c.entry;
       return !e.code() && !e.call_gate() && !e.task_gate() && !e.available_tss() && !e.busy_tss();
     },
     vector::GP, Names::Entry},
    {kJumpOrCall, "conforming code: DPL is greater than CPL",
     [](const Case& c) { return c.entry.conforming() && c.entry.dpl > c.cpl; }, vector::GP, Names::Entry},
    {kJumpOrCall, "nonconforming code: RPL is greater than CPL, or DPL is not CPL",
     [](const Case& c) {
       return c.entry.code() && !c.entry.conforming() && (c.rpl > c.cpl || c.entry.dpl != c.cpl);
     },
     vector::GP, Names::Entry},
    {kJumpOrCall, "gate or TSS: DPL is less than CPL or RPL",
     [](const Case& c) { return !c.entry.segment() && (c.entry.dpl < c.cpl || c.entry.dpl < c.rpl); },
     vector::GP, Names::Entry},
    {kJumpOrCall, "the TSS is not available", [](const Case& c) { return c.entry.busy_tss(); }, vector::GP,
     Names::Entry},
    {kJumpOrCall, "code, gate or TSS is not present", [](const Case& c) { return !c.entry.present; },
     vector::NP, Names::Entry},
    {kJumpOrCall, "the TSS is too short", [](const Case& c) { return c.entry.available_tss() && !c.inside; },
     vector::TS, Names::Entry},
    // ---- INT n: what the vector names
    {on(Operation::Interrupt), "not an interrupt, trap or task gate",
     [](const Case& c) { return !c.entry.interrupt_gate() && !c.entry.task_gate(); }, vector::GP,
     Names::Vector},
    {on(Operation::Interrupt), "DPL of the gate is less than CPL",
     [](const Case& c) { return c.entry.dpl < c.cpl; }, vector::GP, Names::Vector},
    {on(Operation::Interrupt), "the gate is not present", [](const Case& c) { return !c.entry.present; },
     vector::NP, Names::Vector},
    // ---- where gates lead
    {kEnters, "the task gate's selector does not name an available TSS",
     [](const Case& c) { return c.entry.task_gate() && !c.target.available_tss(); }, vector::GP,
     Names::Target},
    {kEnters, "the gate does not lead to code, or to code of a DPL greater than CPL",
     [](const Case& c) {
       return (c.entry.call_gate() || c.entry.interrupt_gate()) && (!c.target.code() || c.target.dpl > c.cpl);
     },
     vector::GP, Names::Target},
    {on(Operation::Jump), "JMP through a call gate: nonconforming code of another DPL than CPL",
     [](const Case& c) { return c.entry.call_gate() && !c.target.conforming() && c.target.dpl != c.cpl; },
     vector::GP, Names::Target},
    {kEnters, "what the gate leads to is not present",
     [](const Case& c) { return c.gate() && !c.target.present; }, vector::NP, Names::Target},
    {kEnters, "the TSS that the task gate leads to is too short",
     [](const Case& c) { return c.entry.task_gate() && !c.inside; }, vector::TS, Names::Target},
    {kEnters, "the entry point is not within the limit of the code segment",
     [](const Case& c) { return c.code().code() && !c.inside; }, vector::GP, Names::Zero},
    // ---- RET and IRET: the code segment that was popped (the stack segment is a good one)
    {kReturns, "RPL is less than CPL", [](const Case& c) { return c.rpl < c.cpl; }, vector::GP, Names::Entry},
    {kReturns, "not a code segment", [](const Case& c) { return !c.entry.code(); }, vector::GP, Names::Entry},
    {kReturns, "conforming, and DPL is greater than RPL",
     [](const Case& c) { return c.entry.conforming() && c.entry.dpl > c.rpl; }, vector::GP, Names::Entry},
    {kReturns, "nonconforming, and DPL is not RPL",
     [](const Case& c) { return !c.entry.conforming() && c.entry.dpl != c.rpl; }, vector::GP, Names::Entry},
    {kReturns, "the segment is not present", [](const Case& c) { return !c.entry.present; }, vector::NP,
     Names::Entry},
    {kReturns, "EIP is not within the limit", [](const Case& c) { return !c.inside; }, vector::GP,
     Names::Zero},
};

}  // namespace protection

/// The rule that decides the case; nullptr if the instruction succeeds.
inline const ProtectionRule* deciding_rule(const ProtectionCase& c) {
  for (const ProtectionRule& rule : protection::kRules)
    if ((rule.operations & protection::on(c.operation)) && rule.applies(c)) return &rule;
  return nullptr;
}

/// Calls f with every case.
template <class F>
void for_each_protection_case(F f) {
  for (const Operation operation : {Operation::LoadDs, Operation::LoadSs, Operation::Jump, Operation::Call,
                                    Operation::Return, Operation::InterruptReturn, Operation::Interrupt})
    for (u32 n = 0; n < 32 * 4 * 4 * 4 * 2 * 2; n++) {
      ProtectionCase c;
      c.operation = operation;
      c.entry = {n & 31, n >> 5 & 3, static_cast<bool>(n >> 11 & 1)};
      c.cpl = n >> 7 & 3;
      c.rpl = n >> 9 & 3;
      c.inside = n >> 12 & 1;
      const bool interrupt = operation == Operation::Interrupt,
                 far = (protection::kJumpOrCall >> unsigned(operation)) & 1;
      if (interrupt && c.rpl) continue;
      const bool through = (far && (c.entry.call_gate() || c.entry.task_gate())) ||
                           (interrupt && (c.entry.interrupt_gate() || c.entry.task_gate()));
      if (!through) {
        f(c);
        continue;
      }
      for (const u32 kind : {0x1Bu, 0x1Fu, 0x13u, 0x09u, 0x01u, 0x0Bu})
        for (u32 dpl = 0; dpl < 4; dpl++)
          for (const bool present : {true, false}) {
            c.target = {kind, dpl, present};
            f(c);
          }
    }
}

}  // namespace ringside::test
