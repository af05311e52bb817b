// Trap-and-emulate with the instructions, the interrupt frames and the interrupt flag in a student's hands:
// our own trap-and-emulate monitor, but for what api/ringside/trap.h lists.
#pragma once

#include "hypervisor/trap/trap_monitor.h"
#include "labs/framework/session.h"
#include "ringside/trap.h"

namespace ringside::labs {

class TrapBridge final : public TrapMonitor, private Service {
 public:
  TrapBridge(Host& host, Session& session);

  void before_entry() override;

  /// What the student's monitor was asked and could not do, in words for a report.
  const std::string& complaint() const { return complaint_; }

 private:
  Outcome carry_out(const EmulationRow& row, const Decoded& d) override;
  bool deliver(const ringside::Event& event, u32 cr2) override;
  bool serve(Frame& call, std::vector<u8>& payload) override;
  bool serve_guest(Frame& call);

  Cpu cpu_now() const;
  void take(const Cpu& cpu);
  lab::Outcome ask(Hook hook, const void* arguments, std::size_t bytes);
  bool complain(std::string what);

  Session& session_;
  std::string complaint_;
};

/// Memory, devices and clock: what both bridges serve in the same way. nullopt: none of these.
std::optional<bool> serve_machine(Host& host, Frame& call, std::vector<u8>& payload);

}  // namespace ringside::labs
