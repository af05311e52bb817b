// Shadow page tables under trap-and-emulate: what the processor really walks is yours.
//
// Done for you: privileged instructions, interrupt frames, segments; the monitor's own 4 MiB at the top of
// the address space, which set_root() puts into every root. Yours: the rest of this page. The guests of this
// lab use two-level tables of 4 KiB pages, and CR0.WP is set whenever paging is on.
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

/// Bits of an entry in the guest's tables and in yours, and of a page fault's error code.
inline constexpr u32 kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40;
inline constexpr u32 kFrame = 0xFFFFF000;
inline constexpr u32 kProtection = 1, kWrite = 2, kFromUser = 4;  ///< error code: P, W/R, U/S
inline constexpr u32 kPaging = 1u << 31;                          ///< CR0.PG

class ShadowVm : public Vm {
 public:
  // -- frames of machine memory for your tables; all addresses are multiples of 4096
  u32 allocate_frame();                ///< machine address of a zeroed frame; 0: none left
  void release_frame(u32 frame);       ///< no table and no root may name it any more
  u32 to_machine(u32 guest_physical);  ///< of a page of guest RAM; 0: a device, or beyond RAM
  u32 read_entry(u32 machine);         ///< four bytes of a frame of yours
  void write_entry(u32 machine, u32 value);

  void set_root(u32 frame);     ///< the CR3 that the processor really uses; empties the TLB
  void invalidate(u32 linear);  ///< drops one translation from the TLB
  void flush_tlb();             ///< drops all

  /// From now on written() tells you of writes to this page of guest RAM that do not come from the
  /// processor: stores that you had emulated, interrupt frames, a disk's data.
  void trace(u32 guest_physical, bool on);
};

class ShadowMonitor : public Monitor {
 public:
  /// Power-on, and each MOV to CR0, CR3 or CR4: cpu.cr0, cr3, cr4 have their new values. Call set_root().
  virtual void paging_changed(ShadowVm&) = 0;
  /// The processor found no sufficient entry in your tables. retry(): there is one now (a hidden fault);
  /// fault(kPF, error): the guest's own tables deny it (a true fault); or emulate().
  virtual Outcome page_fault(ShadowVm&, u32 linear, u32 error) = 0;
  virtual void invlpg(ShadowVm&, u32 linear) = 0;
  /// `bytes` from this guest-physical address on, in one traced page, have changed. All 4096: emulate()
  /// cannot carry out the store (PUSH, CALL), so the page is no page table now; stop tracing it and let the
  /// guest write.
  virtual void written(ShadowVm&, u32 /*guest_physical*/, u32 /*bytes*/) {}

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
