// Hardware assistance: the guest runs in VMX non-root operation of the simulated VT-x, and these are its
// exits.
//
// A hook that you do not override ends the run with a report that names the exit. String I/O and the control
// registers' reserved bits are handled for you.
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

struct Io {
  u32 port, size, in;
};

/// Entries of page tables. Ept: bits 0-2 read, write, execute.
inline constexpr u32 kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40;
inline constexpr u64 kEptAll = 7;

class VmxVm : public Vm {
 public:
  // -- your own page tables, in the monitor's frames of machine memory
  u32 allocate_frame();  ///< machine address of a zeroed frame; 0: none left
  void release_frame(u32 frame);
  u32 to_machine(u32 guest_physical);           ///< of a page of guest RAM; 0: a device, or beyond RAM
  u64 read_entry(u32 machine, unsigned bytes);  ///< 4 or 8 bytes
  void write_entry(u32 machine, unsigned bytes, u64 value);
  void set_ept_root(u32 machine);     ///< four levels of 8-byte entries
  void set_shadow_root(u32 machine);  ///< the CR3 that the processor really uses (no EPT)
  void flush_tlb();
  void invalidate(u32 linear);

  // -- events
  void inject(u8 vector);  ///< an external interrupt, at the next entry; needs cpu.interruptible
  void inject_fault(u8 vector, u32 error, u32 cr2);
  void request_interrupt_window(bool on);  ///< exit as soon as the guest can take an interrupt

  /// Carries out the instruction at EIP on guest memory and devices in the guest's place. Stores into RAM:
  /// `*address` and
  /// `*bytes` say where (0 bytes: none). False: no such instruction is known to the emulator.
  bool emulate_instruction(u32* address, u32* bytes);
};

class VmxMonitor : public Monitor {
 public:
  virtual void start(VmxVm&) {}         ///< before the first entry
  virtual void before_entry(VmxVm&) {}  ///< only in labs that say so
  virtual Outcome io(VmxVm&, const Io&) { return not_handled(); }
  virtual Outcome hlt(VmxVm&) { return not_handled(); }
  virtual Outcome cpuid(VmxVm&) { return not_handled(); }
  virtual Outcome vmcall(VmxVm&) { return not_handled(); }
  virtual Outcome ept_violation(VmxVm&, u32 /*guest_physical*/, bool /*write*/) { return not_handled(); }
  virtual Outcome external_interrupt(VmxVm&) { return not_handled(); }
  virtual Outcome interrupt_window(VmxVm&) { return not_handled(); }
  // -- without EPT
  virtual Outcome page_fault(VmxVm&, u32 /*linear*/, u32 /*error*/) { return not_handled(); }
  virtual Outcome paging_changed(VmxVm&) { return not_handled(); }  ///< cpu.cr0, cr3 or cr4 has a new value
  virtual Outcome invlpg(VmxVm&, u32 /*linear*/) { return not_handled(); }

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
