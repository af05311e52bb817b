// Why the processor stopped running guest instructions.
//
// Cpu::run() returns one of these. The state is always that *before* the instruction that caused the exit
// (restartable), except for BudgetSpent, Stopped, Halted and InterruptWindow, which come between
// instructions. Names are those of VMX basic exit reasons where there is one (Intel SDM vol. 3 appendix C).
#pragma once

#include <variant>

#include "cpu/event.h"

namespace ringside::exits {

/// The instruction budget is spent.
struct BudgetSpent {};
/// Cpu::request_stop() was called (by a device, or from another thread).
struct Stopped {};
/// The processor is halted and nothing wakes it: HLT on bare metal with no interrupt pending.
struct Halted {};
/// A fault while delivering a double fault: on bare metal a shutdown, in non-root operation a triple-fault
/// exit.
struct TripleFault {};
/// A breakpoint or watchpoint set through Cpu::debug(), or a completed single step.
struct DebugStop {
  LinearAddr address;
  enum class Why : u8 { Breakpoint, Step, ReadWatch, WriteWatch } why;
};
/// An instruction that exists but is not modelled. `bytes` holds the first `length` bytes at CS:EIP.
struct Unmodelled {
  std::array<u8, 15> bytes{};
  u8 length = 0;
  const char* what = "";
};

/// De-privileged operation (ring compression): something went through a gate into ring 0, where the monitor
/// lives. Nothing was pushed; for a fault CR2 is in `cr2` and the architectural CR2 is unchanged.
struct MonitorEntry {
  Event event;
  u32 cr2 = 0;
};

/// The rest happen in VMX non-root operation only.
struct ExceptionOrNmi {
  Event event;
  u32 cr2 = 0;
};
struct ExternalInterrupt {};
struct InterruptWindow {};
struct Cpuid {
  u8 length;
};
struct Hlt {
  u8 length;
};
struct Invlpg {
  LinearAddr address;
  u8 length;
};
struct Rdtsc {
  u8 length;
};
struct Vmcall {
  u8 length;
};
struct Pause {
  u8 length;
};
struct Wbinvd {
  u8 length;
};
struct Rdmsr {
  u8 length;
};
struct Wrmsr {
  u8 length;
};
/// Access to CR0, CR3 or CR4 that the controls intercept. `value` is the operand of a MOV to CR or LMSW.
struct CrAccess {
  u8 cr;
  enum class Kind : u8 { MovTo, MovFrom, Clts, Lmsw } kind;
  Gpr gpr;
  u32 value;
  u8 length;
};
struct MovDr {
  u8 dr;
  bool to_dr;
  Gpr gpr;
  u8 length;
};
/// SGDT/SIDT/LGDT/LIDT and SLDT/STR/LLDT/LTR under descriptor-table exiting.
struct DescriptorTableAccess {
  u8 length;
};
/// An IN or OUT, or an INS or OUTS before its next iteration; how many iterations the monitor does at once is
/// its choice. For strings `linear` is the operand's address (segment applied and checked).
struct IoInstruction {
  u16 port;
  u8 size;
  bool in;
  bool string = false, rep = false;
  LinearAddr linear{};
  u8 length;
  bool address32 = true;  ///< strings: (E)SI, (E)DI and (E)CX are 32 bits wide
  Seg segment = DS;       ///< strings: that of the operand
};
/// A guest-physical access that the EPT does not permit. Bits as in the exit qualification (SDM table 28-7).
struct EptViolation {
  GuestPhys guest_phys;
  LinearAddr linear;
  bool read, write, fetch;
  bool readable, writable, executable;  ///< what the EPT entries permit
  bool during_walk;                     ///< the access was to a guest paging structure
};
struct EptMisconfiguration {
  GuestPhys guest_phys;
};
struct TaskSwitch {
  u16 selector;
  enum class Source : u8 { Call, Iret, Jmp, Gate } source;
};
struct InvalidGuestState {
  const char* why;
};

}  // namespace ringside::exits

namespace ringside {

using CpuExit =
    std::variant<exits::BudgetSpent, exits::Stopped, exits::Halted, exits::TripleFault, exits::DebugStop,
                 exits::Unmodelled, exits::MonitorEntry, exits::ExceptionOrNmi, exits::ExternalInterrupt,
                 exits::InterruptWindow, exits::Cpuid, exits::Hlt, exits::Invlpg, exits::Rdtsc, exits::Vmcall,
                 exits::Pause, exits::Wbinvd, exits::Rdmsr, exits::Wrmsr, exits::CrAccess, exits::MovDr,
                 exits::DescriptorTableAccess, exits::IoInstruction, exits::EptViolation,
                 exits::EptMisconfiguration, exits::TaskSwitch, exits::InvalidGuestState>;

}  // namespace ringside
