// A guest without an image: flat segments, a TSS and an IDT at fixed places of 1 MiB of RAM, into which
// checks put a few bytes of code.
#pragma once

#include "cpu/state.h"
#include "hypervisor/guest_memory.h"

namespace ringside::labs {

struct FlatGuest {
  static constexpr u32 kGdt = 0x1000, kIdt = 0x2000, kTss = 0x3000, kIdtPointer = 0x3800, kCode = 0x4000,
                       kHandlers = 0x5000, kKernelStack = 0x9000, kStack = 0xA000, kUserStack = 0xB000,
                       kData = 0xC000;
  static constexpr u16 kCode0 = 0x08, kData0 = 0x10, kCode3 = 0x1B, kData3 = 0x23, kTaskState = 0x28;
  static constexpr u64 kRam = 1u << 20;
  /// Gates are interrupt gates for ring 0 but for these two. The handler of vector v is at kHandlers + 16 v.
  static constexpr u8 kTrapGate = 0x30, kUserGate = 0x80;

  static SegmentRegister flat(u16 selector, bool code);
  /// Fills in the tables. The state begins at kCode in ring 0, with interrupts and paging off and no IDT.
  static CpuState place(const GuestMemory& ram);
};

}  // namespace ringside::labs
