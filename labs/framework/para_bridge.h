// The paravirtual monitor with its hypercalls in a student's hands (api/ringside/para.h): our own, but for
// what that page lists.
//
// Frame types and counts stay ours, so that whatever a student writes into a page table is judged by our own
// rules before it gets there (para/direct_paging.h). What they refuse ends the run with a report: no
// submission can make the processor walk tables that lead out of the guest.
#pragma once

#include "hypervisor/para/para_monitor.h"
#include "labs/framework/session.h"
#include "ringside/para.h"

namespace ringside::labs {

class ParaBridge final : public ParaMonitor, private Service {
 public:
  ParaBridge(Host& host, Session& session, std::shared_ptr<BlockBackend> disk = nullptr)
      : ParaMonitor(host, std::move(disk)), session_(session) {}

  /// What the student's monitor was asked and could not do, in words for a report.
  const std::string& complaint() const { return complaint_; }
  /// The lab's hint for it, if it has one.
  std::string_view complaint_hint() const { return hint_; }

 private:
  void hypercall() override;
  bool serve(Frame& call, std::vector<u8>& payload) override;
  bool serve_guest(Frame& call, std::vector<u8>& payload);
  bool write_entry(u32 address, u32 value);
  bool standard(Frame& call, const std::vector<u8>& payload);
  bool write_physical(GuestPhys at, const std::vector<u8>& bytes);
  lab::FrameType type_of(u32 frame);
  para::Status check_table(u32 frame);
  Cpu cpu_now();
  /// Ends the run with this, or with why the session was lost. True: the call itself was a proper one.
  bool complain(std::string what, std::string_view hint = {});

  Session& session_;
  std::string complaint_;
  std::string_view hint_;
};

}  // namespace ringside::labs
