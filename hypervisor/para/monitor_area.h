// The monitor's own corner of every address space: the last 4 MiB, mapped by the last entry of each page
// directory.
//
//   RS_MONITOR_BASE  machine-to-guest table: ring 1 reads it, nobody writes it
//   RS_SEGMENT_END   GDT, IDT, TSS: no guest segment reaches them
//
// Paging cannot keep ring 1 out (to paging, rings 0-2 are all "supervisor"), so the segments' limits do.
// Simplified: the monitor's code and its other data are C++ and take no room here.
#pragma once

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/host.h"

namespace ringside::para {

class MonitorArea {
 public:
  static constexpr LinearAddr kMachineToGuest{RS_MONITOR_BASE};
  static constexpr LinearAddr kGdt{RS_SEGMENT_END};
  static constexpr LinearAddr kIdt{RS_SEGMENT_END + kPageSize};
  static constexpr LinearAddr kTss{RS_SEGMENT_END + 2 * kPageSize};
  /// What machine_to_guest holds for the monitor's own frames.
  static constexpr u32 kNotTheGuests = ~u32{0};

  /// Throws HostError if the machine has more frames than the table can list, or the pool is too small.
  MonitorArea(MachineMemory& memory, FramePool& pool, const GuestMemory& ram);

  u32 directory_entry() const { return directory_entry_; }
  u32 machine_frames() const { return machine_frames_; }
  // Host pointers to one page each.
  u8* gdt() const { return gdt_; }
  u8* idt() const { return idt_; }
  u8* tss() const { return tss_; }

 private:
  u8* map(LinearAddr at, u32 rights);

  MachineMemory& memory_;
  FramePool& pool_;
  MachinePhys table_;
  u32 directory_entry_ = 0, machine_frames_ = 0;
  u8 *gdt_ = nullptr, *idt_ = nullptr, *tss_ = nullptr;
};

}  // namespace ringside::para
