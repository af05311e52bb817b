// Trap-and-emulate with the instructions, the interrupt frames and the interrupt flag in a student's hands:
// our own trap-and-emulate monitor, but for what api/ringside/trap.h lists.
#pragma once

#include "labs/framework/trap_session.h"
#include "ringside/trap.h"

namespace ringside::labs {

class TrapBridge final : public TrapSession {
 public:
  using TrapSession::TrapSession;

  void before_entry() override;

 private:
  Outcome carry_out(const EmulationRow& row, const Decoded& d) override;
  bool deliver(const ringside::Event& event, u32 cr2) override;
  bool serve_guest(Frame& call, std::vector<u8>& payload) override;
};

}  // namespace ringside::labs
