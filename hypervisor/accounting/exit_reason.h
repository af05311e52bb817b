// Exit reasons: the one list that ledger, reports, explanations and the monitors' hooks share.
//
// A reason is what a report shows in its VM-EXIT column. Where VMX has a basic exit reason (SDM vol. 3
// appendix C) the name is VMX's; classic and paravirtual monitors have reasons of their own for what VMX
// hides or never sees.
#pragma once

#include <span>
#include <string_view>

#include "cpu/address.h"

namespace ringside {

enum class ExitReason : u8 {
  // shared with VMX
  ExceptionOrNmi,
  ExternalInterrupt,
  TripleFault,
  InterruptWindow,
  TaskSwitch,
  Cpuid,
  Hlt,
  Invlpg,
  Rdtsc,
  Vmcall,
  CrAccess,
  MovDr,
  IoInstruction,
  Rdmsr,
  Wrmsr,
  Pause,
  Wbinvd,
  DescriptorTable,
  EptViolation,
  EptMisconfiguration,
  InvalidGuestState,
  Mmio,  ///< an access to a memory-mapped device, emulated
  // trap-and-emulate
  PrivilegedInstruction,  ///< CLI, STI, LGDT, ... in ring 1
  SensitiveInstruction,   ///< POPF, SMSW, ... trapped by a virtualizable x86
  Syscall,                ///< INT n by the guest's user, reflected into its kernel
  GuestException,         ///< a fault that belongs to the guest, reflected
  ShadowPageFault,        ///< hidden fault: the shadow lacked what the guest's tables have
  ShadowPageTableWrite,   ///< traced: a write to a guest page table
  TruePageFault,          ///< the guest's own tables deny the access
  // paravirtual
  Hypercall,
  HypercallMmuUpdate,
  HypercallEventChannel,
  HypercallIret,
  // accounted without leaving
  Unmodelled,
  kCount
};

/// What an exit is about: the rows of a comparison between techniques, whose exit reasons differ.
enum class ExitTopic : u8 {
  PageTables,    ///< guest page tables and address spaces
  PageFaults,    ///< page faults that belong to the guest
  Devices,       ///< ports, memory-mapped devices, rings
  Interrupts,    ///< device interrupts, their window, waiting for one, returning from one
  SystemCalls,   ///< system calls and exceptions of the guest's processes, bounced into its kernel
  Instructions,  ///< privileged and sensitive instructions that are none of the above
  Errors,
  kCount
};
std::string_view name(ExitTopic);

struct ExitReasonInfo {
  ExitReason reason;
  std::string_view name;                         ///< as printed: "CR_ACCESS"
  std::string_view what;                         ///< one sentence: what this exit is
  std::string_view why_trap, why_para, why_hvm;  ///< why it happens in that mode; empty if it does not
  std::string_view monitor_does;
  std::string_view manual;  ///< section of the Intel SDM, or the paper
  ExitTopic topic;
};

/// One row per reason, in enum order.
std::span<const ExitReasonInfo> exit_reasons();
const ExitReasonInfo& info(ExitReason);

}  // namespace ringside
