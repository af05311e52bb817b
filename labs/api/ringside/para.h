// The paravirtual monitor: the guest's kernel knows that it is a guest, and asks.
//
// Its page tables are the ones that the processor walks. They hold machine addresses and are mapped
// read-only; it asks for each change, and whatever you write into them without looking, it has got. Done for
// you: faults and system calls, events, the timer, the disk, pinning; and standard(). Yours: the hypercalls
// of hypercalls.h.
#pragma once

#include "ringside/hypercalls.h"

namespace ringside::lab {

/// What a frame of machine memory is used for now. Writable: mapped writable by somebody; Plain: by nobody.
enum class FrameType : u32 { Foreign, Plain, Writable, PageTable, Directory };

/// Bits of an entry. Large and Global are not for guests.
inline constexpr u32 kEntryPresent = 1, kEntryWritable = 2, kEntryLarge = 0x80, kEntryGlobal = 0x100;

class ParaVm : public Vm {
 public:
  // of Vm: read() and write() by linear address with the rights of ring 1, print(), cpu (for reading only)

  FrameType frame_type(u32 machine_frame);  ///< by number: a machine address / 4096. Foreign: not the guest's
  u32 read_entry(u32 machine_address);      ///< four bytes of a page table or directory of the guest's
  /// The same, changed. A frame that a new directory entry names is a page table from then on.
  void write_entry(u32 machine_address, u32 value);
  /// Looks at all 1024 entries of a Plain frame that is to become a page table: 0, or what refuses it.
  int check_table(u32 machine_frame);
  void invalidate(u32 linear);  ///< drops one translation from the TLB
  void flush_tlb();             ///< drops all

  u32 console_ring();  ///< linear address of the guest's struct console_ring
  void block();        ///< events on, and the guest waits for one
  void power_off(u32 status);
  /// Our own SET_TRAP_TABLE, STACK_SWITCH, UPDATE_DESCRIPTOR, MMUEXT_OP, SET_CALLBACK, SET_TIMER, IRET, and
  /// EVENT_SEND to the disk: carries them out and returns what the guest gets.
  int standard(u32 number, u32 b, u32 c, u32 d);
};

class ParaMonitor : public Monitor {
 public:
  /// The guest's kernel has made hypercall `number` with `b`, `c`, `d` in EBX, ECX, EDX. Returns its EAX.
  virtual int hypercall(ParaVm&, u32 number, u32 b, u32 c, u32 d) = 0;

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
