// Interrupts under hardware assistance: when the physical one takes the processor away, and when the guest
// can take the virtual one.
//
// Done for you: all other exits, the interrupt controllers (8259) with their masks and priorities, and time.
// Yours: the moment of each injection, the idle guest, and a timer device of your own.
#pragma once

#include "ringside/lab.h"
#include "ringside/vmx.h"

namespace ringside::lab {

class EventVm : public Vm {
 public:
  /// Delivers an interrupt at the next entry, one at most. Before: cpu.interruptible must be 1, which means
  /// that the guest's IF is set and that no STI or MOV SS holds interrupts off for one instruction.
  void inject(u8 vector);
  /// On: the guest exits to interrupt_window() as soon as it is interruptible, each time until you turn it
  /// off.
  void request_interrupt_window(bool on);
  /// One physical interrupt at now() == `when`, in cycles; 0: none. There is one such timer.
  void set_timer(u64 when);
  u64 cycles_per_second();
  // of Vm: interrupt_pending() and acknowledge_interrupt() for the guest's devices, now()
};

class EventMonitor : public Monitor {
 public:
  /// A device has raised its line, or the timer has come. The guest was running, with its IF on or off, or
  /// idle.
  virtual Outcome external_interrupt(EventVm&) = 0;
  /// You have asked for the window, and the guest can take an interrupt now.
  virtual Outcome interrupt_window(EventVm&) = 0;
  /// The guest has nothing to do.
  virtual Outcome hlt(EventVm&) = 0;
  /// Ports 500h to 50Fh: your timer device.
  virtual Outcome io(EventVm&, const Io&) { return not_handled(); }

  Outcome on(Vm&, const Exit&) final;
};

}  // namespace ringside::lab
