// A monitor of ours for the simulated VT-x that leaves part of its work to a student's program: what its
// kinds (exit_bridge.h, event_bridge.h) have in common.
#pragma once

#include "hypervisor/hvm/vmx_monitor.h"
#include "labs/framework/serve_machine.h"

namespace ringside::labs {

class VmxSession : public ringside::VmxMonitor, private Service {
 public:
  VmxSession(Host& host, Session& session) : ringside::VmxMonitor(host), session_(session) {}

  void boot(const Image& image, const std::string& command_line) override;
  /// In place of boot(), for a guest that is in memory already.
  void begin(const CpuState& state);
  Exit enter(u64 budget) override;
  using ringside::VmxMonitor::on;
  Outcome on(const exits::InvalidGuestState&) override;

  /// What the student's monitor was asked and could not do, in words for a report.
  const std::string& complaint() const { return complaint_; }
  /// The lab's hint for it, if it has one.
  std::string_view complaint_hint() const { return hint_; }

 protected:
  virtual void start() {}  ///< the guest is about to be entered for the first time
  /// Calls that only this kind of monitor has; see Service::serve().
  virtual bool serve_guest(Frame& call, std::vector<u8>& payload) = 0;

  lab::Outcome ask(Hook hook, const void* arguments, std::size_t bytes);
  /// Hands over an exit whose instruction has `length` bytes; `name` is for complaints.
  Outcome hand_over(Hook hook, const void* arguments, std::size_t bytes, u8 length, std::string_view name);
  /// Ends the run with this, or with why the session was lost. False.
  bool complain(std::string what, std::string_view hint = {});

 private:
  bool serve(Frame& call, std::vector<u8>& payload) final;
  Cpu cpu_now();
  void take(const Cpu& cpu);
  bool access(LinearAddr address, u8* bytes, u32 count, bool write);

  Session& session_;
  std::string complaint_;
  std::string_view hint_;
};

}  // namespace ringside::labs
