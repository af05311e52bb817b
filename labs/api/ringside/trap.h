// Trap-and-emulate: the guest's kernel runs in ring 1, and what its own processor would have let it do
// faults.
//
// Done for you: shadow page tables, segment loads and far transfers (IRET among them, which sets virtual_if
// and virtual_iopl), LGDT, LLDT, LTR. Yours: the rest of this page.
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

enum class Op : u32 {
  Cli,
  Sti,
  Hlt,
  Pushf,
  Popf,
  Smsw,
  Lidt,
  MovToCr,
  MovFromCr,
  Clts,
  Invlpg,
  In,
  Out,
  Ins,
  Outs
};

/// The instruction at CS:EIP, decoded. It has changed nothing yet.
struct Instruction {
  Op op;
  u32 length;   ///< in bytes; advance() moves EIP by it
  u32 size;     ///< of the operand: 1, 2 or 4 bytes
  u32 cr;       ///< MOV CR: its number
  u32 reg;      ///< MOV CR, SMSW: the general register
  u32 port;     ///< IN, OUT, INS, OUTS
  u32 rep;      ///< INS, OUTS: repeat ECX times
  u32 address;  ///< linear: LIDT, INVLPG, SMSW to memory (0: to `reg`), INS (from EDI), OUTS (from ESI)
};

/// An exception, or INT n, on its way to the guest's own handler.
struct Event {
  u32 vector;
  u32 software;  ///< INT n: the gate's DPL counts
  u32 has_error, error;
  u32 length;  ///< INT n: how far the return address lies behind EIP; 0 for faults
};

class TrapVm : public Vm {
 public:
  void set_cr(unsigned number, u32 value);  ///< CR0, CR2, CR3, CR4; the shadow page tables follow
  void invalidate(u32 linear);              ///< what INVLPG does to the shadow page tables
  bool switch_stack(u16 ss, u32 esp);       ///< loads SS:ESP of an inner ring; cpu.cpl follows
  bool jump(u16 cs, u32 eip);               ///< loads CS:EIP of the ring that SS has
};

class TrapMonitor : public Monitor {
 public:
  virtual Outcome emulate(TrapVm&, const Instruction&) = 0;
  /// Build the guest's interrupt frame. False: the guest has no way to handle it.
  virtual bool reflect(TrapVm&, const Event&) = 0;
  /// Before an entry, while the interrupt controller has an interrupt.
  virtual void interrupt(TrapVm&) = 0;

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
