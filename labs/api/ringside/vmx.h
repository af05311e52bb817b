// Hardware assistance: the guest runs in VMX non-root operation of the simulated VT-x, and these are its
// exits.
//
// The guest owns its rings, page tables, control registers and interrupt flag; what comes to you is what the
// hardware leaves to software. Done for you: interrupts, string I/O, MSRs, the reserved bits of control
// registers, and moving EIP when you return advance(). A hook that you do not override ends the run with a
// report that names the exit.
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

struct Io {
  u32 port, size;  ///< 1, 2 or 4 bytes
  u32 in;          ///< 1: IN, into EAX; 0: OUT, from EAX
};

struct CpuidResult {
  u32 eax, ebx, ecx, edx;
};

/// Bits of an EPT entry: read, write, execute; on level 2, that it maps 2 MiB by itself.
inline constexpr u64 kEptRead = 1, kEptWrite = 2, kEptExecute = 4, kEptAll = 7, kEptLarge = 0x80;

class VmxVm : public Vm {
 public:
  // -- nested page tables, in frames of machine memory that are yours; addresses are multiples of 4096
  u32 allocate_frame();                ///< machine address of a zeroed frame; 0: none left
  u32 to_machine(u32 guest_physical);  ///< of a page of guest RAM; 0: a device, or beyond RAM
  u64 read_entry(u32 machine);         ///< eight bytes of a frame of yours
  void write_entry(u32 machine, u64 value);
  void set_ept_root(u32 machine);  ///< four levels of 512 entries; empties the TLB
  void flush_tlb();                ///< after changing an entry that was present

  CpuidResult host_cpuid(u32 leaf, u32 subleaf);  ///< what the real processor says
};

class VmxMonitor : public Monitor {
 public:
  virtual void start(VmxVm&) {}  ///< before the first entry. Without set_ept_root() our nested tables serve
  virtual Outcome io(VmxVm&, const Io&) { return not_handled(); }
  virtual Outcome hlt(VmxVm&) { return not_handled(); }
  virtual Outcome cpuid(VmxVm&) { return not_handled(); }
  virtual Outcome vmcall(VmxVm&) { return not_handled(); }
  /// Your tables do not permit the access to this guest-physical address. retry(): they do now; or emulate().
  virtual Outcome ept_violation(VmxVm&, u32 /*guest_physical*/, bool /*write*/) { return not_handled(); }

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
