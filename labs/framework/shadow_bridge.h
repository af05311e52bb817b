// Trap-and-emulate with the shadow page tables in a student's hands (api/ringside/shadow.h).
//
// Our own shadow tables stay empty and unused. Shadow descriptors, which need pages write-protected for a
// reason that is no business of the lab's, are not kept: each segment load is emulated instead.
#pragma once

#include <unordered_set>

#include "labs/framework/monitor_frames.h"
#include "labs/framework/trap_session.h"
#include "ringside/shadow.h"

namespace ringside::labs {

class ShadowBridge final : public TrapSession {
 public:
  ShadowBridge(Host& host, Session& session);

  void boot(const Image& image, const std::string& command_line) override;
  /// In place of boot(), for a guest that is in memory already.
  void begin(const CpuState& state);
  void before_entry() override;
  Exit enter(u64 budget) override;

  /// The last-level entry that the student's tables have for `address`, 0 if none.
  u32 entry(LinearAddr address) const;
  const MonitorFrames& frames() const { return frames_; }
  /// The hint that goes with complaint(), if there is one.
  std::string_view complaint_hint() const { return hint_; }

 private:
  Outcome carry_out(const EmulationRow& row, const Decoded& d) override;
  Outcome page_fault(const exits::MonitorEntry& e) override;
  Outcome emulate_access(LinearAddr address);
  bool serve_guest(Frame& call, std::vector<u8>& payload) override;

  void note_written(GuestPhys address, u64 bytes);
  void tell_written();
  bool tell_paging_changed();
  bool set_root(u32 frame);

  MonitorFrames frames_;
  u32 root_ = 0;
  std::unordered_set<u32> traced_;  ///< guest frames
  /// What was written to a traced page since the student was last told: one piece.
  u64 written_ = 0, written_bytes_ = 0;
  /// The same fault again and again is an entry that was never made.
  u32 last_address_ = 0, last_eip_ = 0;
  unsigned repeats_ = 0;
  std::string_view hint_;
};

}  // namespace ringside::labs
