#include "labs/framework/event_bridge.h"

#include <fmt/format.h>

namespace ringside::labs {
namespace {
constexpr std::size_t kMostInjections = 100'000;  ///< that are remembered
constexpr unsigned kMostFruitlessWindows = 100;
constexpr u8 kFirstExternal = 32;  ///< vectors below are the processor's own exceptions
}  // namespace

void EventBridge::advance() {
  if (!timer_ || host.now() < timer_) return;
  timer_ = 0;
  timer_due_ = true;
}

bool EventBridge::event_waiting() const { return timer_due_ || host.machine.interrupt_pending(); }

/// Whether there is something to tell; it counts as told.
bool EventBridge::interrupt_arrived() {
  const bool pending = host.machine.interrupt_pending();
  const bool news = timer_due_ || (pending && !told_);
  timer_due_ = false;
  told_ = pending;
  return news;
}

/// Before an entry: what has come while the guest was idle, or during an exit of its own.
void EventBridge::deliver_interrupt() {
  if (!interrupt_arrived()) return;
  const lab::Outcome o = ask(Hook::ExternalInterrupt, nullptr, 0);
  told_ = host.machine.interrupt_pending();
  if (o.next == lab::Outcome::NotHandled) complain("your monitor does not handle EXTERNAL_INTERRUPT");
}

Outcome EventBridge::on(const exits::ExternalInterrupt&) {
  set_pending({.interrupt = false, .window = window_});
  return handle(ExitReason::ExternalInterrupt, [&] {
    if (!interrupt_arrived()) return Outcome::retry();
    return hand_over_event(Hook::ExternalInterrupt, "EXTERNAL_INTERRUPT");
  });
}

Outcome EventBridge::on(const exits::InterruptWindow&) {
  return handle(ExitReason::InterruptWindow, [&] {
    const std::size_t before = injections_.size();
    const Outcome outcome = hand_over_event(Hook::InterruptWindow, "INTERRUPT_WINDOW");
    fruitless_windows_ = injections_.size() == before && window_ ? fruitless_windows_ + 1 : 0;
    if (fruitless_windows_ < kMostFruitlessWindows) return outcome;
    complain(
        fmt::format("interrupt_window() has been called {} times at {:08X}h without an interrupt to inject, "
                    "and the window is still requested: the guest gets no further",
                    fruitless_windows_, guest().eip),
        "close-window");
    return Outcome::stop(complaint());
  });
}

Outcome EventBridge::hand_over_event(Hook hook, std::string_view name) {
  const Outcome outcome = hand_over(hook, nullptr, 0, 0, name);
  told_ = host.machine.interrupt_pending();  // what is left is known
  return outcome;
}

Outcome EventBridge::on(const exits::Hlt& e) {
  return handle(ExitReason::Hlt, [&] { return hand_over(Hook::Hlt, nullptr, 0, e.length, "HLT"); });
}

Outcome EventBridge::on(const exits::IoInstruction& e) {
  if (e.string || e.port < kFirstPort || e.port > kLastPort) return VmxSession::on(e);
  return handle(ExitReason::IoInstruction, [&] {
    const lab::Io io{.port = e.port, .size = e.size, .in = e.in};
    return hand_over(Hook::Io, &io, sizeof io, e.length, e.in ? "IN" : "OUT");
  });
}

bool EventBridge::serve_guest(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  const u32 a = call.a[0];
  payload.clear();
  switch (static_cast<Call>(call.code)) {
    case Call::Inject:
      if (a < kFirstExternal || a > 0xFF)
        return complain(fmt::format("your monitor injects vector {}, which is no interrupt's", a));
      if (vmcs().entry_event)
        return complain("your monitor injects a second interrupt before the guest has been entered", "one");
      if (!vcpu().interruptible())
        return complain(
            fmt::format("your monitor injects vector {:X}h while the guest cannot take an interrupt (IF {}): "
                        "VM entry fails",
                        a, guest().eflags & eflags::IF ? 1 : 0),
            "not-interruptible");
      host.ledger.count(CostEvent::Vmwrite);
      vcpu().inject({.vector = static_cast<u8>(a), .type = EventType::ExternalInterrupt});
      if (injections_.size() < kMostInjections) injections_.push_back({host.now(), static_cast<u8>(a)});
      return true;
    case Call::RequestWindow:
      window_ = a != 0;
      host.ledger.count(CostEvent::Vmwrite);
      vcpu().request_interrupt_window(window_);
      return true;
    case Call::SetTimer:
      timer_ = u64{call.a[1]} << 32 | a;
      timer_due_ = false;
      return true;
    case Call::CyclesPerSecond:
      call.a[0] = static_cast<u32>(host.hz());
      call.a[1] = static_cast<u32>(host.hz() >> 32);
      return true;
    default: return false;
  }
}

}  // namespace ringside::labs
