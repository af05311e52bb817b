// What the processor notices in passing, for the report of a guest that dies: it changes nothing and costs
// nothing where nothing is noticed.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cpu/cpu.h"

namespace ringside {

struct CpuNotes {
  /// RDMSR or WRMSR of a register that does not exist, or not with that value: the guest got #GP.
  struct MissingMsr {
    u32 index = 0;
    u64 reads = 0, writes = 0;
  };
  /// A triple fault: the event that began it, and the one that a double fault's delivery ended in.
  struct Shutdown {
    Event first;
    u32 first_cr2 = 0;
    Event last;
    u32 last_cr2 = 0;
  };
  static constexpr std::size_t kMostMsrs = 64;

  std::vector<MissingMsr> missing_msrs;  ///< in order of the first access, the first kMostMsrs of them
  std::optional<Shutdown> shutdown;
  /// Called before a sensitive instruction executes silently (SilentSensitive), with the state before it.
  std::function<void(u16 opcode, u8 modrm_reg)> before_silent;

  void missing_msr(u32 index, bool write);
};

CpuNotes& notes(Cpu&);

}  // namespace ringside
