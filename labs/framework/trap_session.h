// A trap-and-emulate monitor of ours that leaves part of its work to a student's program: what its kinds
// (trap_bridge.h, shadow_bridge.h) have in common.
#pragma once

#include "hypervisor/trap/trap_monitor.h"
#include "labs/framework/serve_machine.h"

namespace ringside::labs {

class TrapSession : public TrapMonitor, private Service {
 public:
  TrapSession(Host& host, Session& session, ShadowPolicy policy = kShadowCached);

  /// What the student's monitor was asked and could not do, in words for a report.
  const std::string& complaint() const { return complaint_; }

 protected:
  /// Calls that only this kind of monitor has; see Service::serve().
  virtual bool serve_guest(Frame& call, std::vector<u8>& payload) = 0;

  lab::Outcome ask(Hook hook, const void* arguments, std::size_t bytes);
  /// Ends the run with this, or with why the session was lost. False.
  bool complain(std::string what);
  bool asking() const { return asking_; }  ///< what happens now is the student's doing

 private:
  bool serve(Frame& call, std::vector<u8>& payload) final;
  Cpu cpu_now() const;
  void take(const Cpu& cpu);

  Session& session_;
  std::string complaint_;
  bool asking_ = false;
};

}  // namespace ringside::labs
