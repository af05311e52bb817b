// Interrupts: taken from the hardware at any time, given to the guest when it can take them; and a timer.
#include "ringside/events.h"

using namespace ringside::lab;

namespace {

constexpr u8 kTimerVector = 0x40;
constexpr u32 kPeriodPort = 0x500, kMissedPort = 0x504;

class MyEvents final : public EventMonitor {
 public:
  Outcome external_interrupt(EventVm& vm) override {
    take_ticks(vm);
    return deliver(vm);
  }
  Outcome interrupt_window(EventVm& vm) override { return deliver(vm); }
  Outcome hlt(EventVm&) override { return idle(); }
  Outcome io(EventVm& vm, const Io& io) override;

 private:
  void take_ticks(EventVm& vm);
  Outcome deliver(EventVm& vm);

  u64 period_ = 0, next_ = 0;  // cycles; 0: the timer is off
  u32 ticks_ = 0;              // that have come and wait for the guest
  u32 missed_ = 0;             // that it will never see
};

/// The hardware's timer has come, or will: the next tick is due one period after the last, however late we
/// are.
void MyEvents::take_ticks(EventVm& vm) {
  for (const u64 now = vm.now(); period_ && next_ <= now; next_ += period_) ++ticks_;
  vm.set_timer(period_ ? next_ : 0);
}

Outcome MyEvents::deliver(EventVm& vm) {
  if (vm.cpu.interruptible) {
    if (ticks_) {
      missed_ += ticks_ - 1;  // they merge into one, as on any edge-triggered line
      ticks_ = 0;
      vm.inject(kTimerVector);
    } else if (vm.interrupt_pending()) {
      vm.inject(vm.acknowledge_interrupt());
    }
  }
  vm.request_interrupt_window(ticks_ || vm.interrupt_pending());
  return retry();
}

Outcome MyEvents::io(EventVm& vm, const Io& io) {
  u32& eax = vm.cpu.reg[EAX];
  if (!io.in && io.port == kPeriodPort && io.size == 4) {
    period_ = eax * vm.cycles_per_second() / 1'000'000;
    next_ = vm.now() + period_;
    ticks_ = missed_ = 0;
    take_ticks(vm);
  } else if (io.in && io.port == kMissedPort && io.size == 4) {
    eax = missed_;
    missed_ = 0;
  } else {
    return not_handled();
  }
  return advance();
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyEvents; }
