// Lab 07: when a guest gets its interrupts. Read SPEC.md beside this file, and ringside/events.h.
#include "ringside/events.h"

using namespace ringside::lab;

namespace {

class MyEvents final : public EventMonitor {
 public:
  /// Step 2: the interrupt controller has something: vm.interrupt_pending(). Can the guest take it? Then
  /// acknowledge and inject it. Step 3: if not, ask for the window. Step 5: or your timer has come.
  Outcome external_interrupt(EventVm& vm) override {
    (void)vm;
    return not_handled();
  }

  /// Step 3: the guest can take an interrupt now.
  Outcome interrupt_window(EventVm& vm) override {
    (void)vm;
    return not_handled();
  }

  /// Step 1: the guest has nothing to do.
  Outcome hlt(EventVm& vm) override {
    (void)vm;
    return not_handled();
  }

  /// Step 5: your timer device, ports 500h and 504h.
  Outcome io(EventVm& vm, const Io& io) override {
    (void)vm, (void)io;
    return not_handled();
  }
};

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyEvents; }
