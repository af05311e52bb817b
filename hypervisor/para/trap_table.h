// The guest's trap table: where its own handlers are.
//
// A vector from 32 up whose handler need not mask events becomes a hardware gate straight into ring 1, so
// that a system call costs no monitor entry. Everything else passes the monitor, which builds the frame
// (frames.h): faults because their CR2 and virtual IF have to be delivered too, masking handlers because
// hardware does not know the virtual IF.
#pragma once

#include <array>
#include <optional>

#include "hypervisor/para/descriptors.h"
#include "hypervisor/para/guest_linear.h"

namespace ringside::para {

inline constexpr u8 kHypercallVector = 0x82;
/// Vectors from here up are the host's own interrupts (kHostInterruptVector).
inline constexpr u8 kFirstHostVector = 0xE0;

struct TrapHandler {
  u16 cs = 0;
  u32 eip = 0;
  bool masks_events = false;
};

class TrapTable {
 public:
  explicit TrapTable(DescriptorTables& tables);

  /// RS_HC_SET_TRAP_TABLE: all rows or none.
  Status set(const GuestLinear& memory, LinearAddr rows);
  std::optional<TrapHandler> find(u8 vector) const;

 private:
  Status check(const rs_trap& row) const;
  void install(const rs_trap& row);

  DescriptorTables& tables_;
  std::array<TrapHandler, 256> handlers_{};  // eip 0: none
};

}  // namespace ringside::para
