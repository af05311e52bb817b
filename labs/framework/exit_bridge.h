// Hardware assistance with the exits and the nested page tables in a student's hands
// (api/ringside/vmx.h): our own monitor for the simulated VT-x, but for what that page lists.
#pragma once

#include "labs/framework/monitor_frames.h"
#include "labs/framework/vmx_session.h"
#include "ringside/vmx.h"

namespace ringside::labs {

class ExitBridge final : public VmxSession {
 public:
  ExitBridge(Host& host, Session& session) : VmxSession(host, session), frames_(host) {}

  using VmxSession::on;
  Outcome on(const exits::IoInstruction&) override;
  Outcome on(const exits::Hlt&) override;
  Outcome on(const exits::Cpuid&) override;
  Outcome on(const exits::Vmcall&) override;
  Outcome on(const exits::EptViolation&) override;
  Outcome on(const exits::EptMisconfiguration&) override;

  bool own_ept() const { return root_ != 0; }  ///< the student's nested tables are in use
  const MonitorFrames& frames() const { return frames_; }

 private:
  void start() override;
  bool serve_guest(Frame& call, std::vector<u8>& payload) override;

  MonitorFrames frames_;
  u32 root_ = 0;
  /// The same violation again and again is an entry that was never made.
  u64 last_address_ = ~u64{0};
  u32 last_eip_ = 0;
  unsigned repeats_ = 0;
};

}  // namespace ringside::labs
