// Hardware assistance with the injection of interrupts and one timer device in a student's hands
// (api/ringside/events.h).
//
// A physical interrupt is an edge: the student is told once when the interrupt controller begins to have
// something, and once when the timer comes. What is not taken then waits for the interrupt window, if the
// student has asked for it.
#pragma once

#include <vector>

#include "labs/framework/vmx_session.h"
#include "ringside/events.h"

namespace ringside::labs {

class EventBridge final : public VmxSession {
 public:
  using VmxSession::VmxSession;
  static constexpr u16 kFirstPort = 0x500, kLastPort = 0x50F;

  u64 next_deadline() const override { return timer_ ? timer_ : Machine::kNever; }
  void advance() override;
  bool event_waiting() const override;

  using VmxSession::on;
  Outcome on(const exits::ExternalInterrupt&) override;
  Outcome on(const exits::InterruptWindow&) override;
  Outcome on(const exits::Hlt&) override;
  Outcome on(const exits::IoInstruction&) override;

  struct Injection {
    u64 when;
    u8 vector;
  };
  const std::vector<Injection>& injections() const { return injections_; }
  bool window_requested() const { return window_; }

 private:
  void deliver_interrupt() override;
  bool serve_guest(Frame& call, std::vector<u8>& payload) override;
  bool interrupt_arrived();
  Outcome hand_over_event(Hook hook, std::string_view name);

  u64 timer_ = 0;           ///< when it comes; 0: it is off
  bool timer_due_ = false;  ///< it has come, and the student has not been told
  bool told_ = false;       ///< that the interrupt controller has something
  bool window_ = false;
  unsigned fruitless_windows_ = 0;  ///< one after the other, with nothing to inject
  std::vector<Injection> injections_;
};

}  // namespace ringside::labs
