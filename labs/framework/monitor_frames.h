// The frames of machine memory in which a student's monitor keeps its page tables.
//
// A frame that has once been the student's is never anybody else's: whatever entry still names it, only the
// student's own guest suffers. Entries may name guest RAM and these frames, and nothing else.
#pragma once

#include "hypervisor/host.h"
#include "labs/framework/session.h"

namespace ringside::labs {

class MonitorFrames {
 public:
  explicit MonitorFrames(Host& host) : host_(host), owner_(host.memory.size() / kPageSize, Owner::Other) {}

  bool in_use(u64 machine) const;
  /// AllocateFrame, ReleaseFrame, ToMachine, ReadEntry and WriteEntry; nullopt: it is none of these. What is
  /// wrong with a call that is refused is said in `why`.
  std::optional<bool> serve(Frame& call, std::vector<u8>& payload, std::string& why);

  u64 allocated() const { return allocated_; }  ///< frames in use now

 private:
  enum class Owner : u8 { Other, Student, Released };
  bool may_name(u64 entry) const;

  Host& host_;
  std::vector<Owner> owner_;  ///< by machine frame
  std::vector<MachinePhys> released_;
  u64 allocated_ = 0;
};

}  // namespace ringside::labs
