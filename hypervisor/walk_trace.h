// One page walk, reference by reference, as the processor would make it on a TLB miss now, in any mode.
//
// Nothing is changed by looking: no accessed or dirty bits, no counts, no faults. Under shadow paging the
// processor walks the shadow; the guest's own tables are walked by the monitor, in software, and only when a
// hidden page fault asks for it: that walk is listed apart.
// Manual: Intel SDM vol. 3 ch. 4, section 29.3; Bhargava et al. 2008, section 2 (two-dimensional walks).
#pragma once

#include <string>
#include <vector>

#include "hypervisor/trap/shadow_paging.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {

struct WalkReference {
  /// Whose table it is: the guest's own (its entries hold guest-physical addresses), the guest's own with
  /// machine addresses (direct paging), the monitor's shadow, or the monitor's nested table.
  enum class Table : u8 { Guest, Direct, Shadow, Nested } table;
  u8 level = 0;     ///< 1 = the last
  u64 address = 0;  ///< of the entry: guest-physical for Guest, otherwise machine
  u64 entry = 0;
  /// Nested: which guest-physical address is being translated.
  u64 translates = 0;
};
std::string_view name(WalkReference::Table);

struct WalkTrace {
  LinearAddr address;
  Mode mode = Mode::Native;
  Access access = Access::Read;
  std::vector<WalkReference> references;  ///< the processor's, in order
  std::vector<WalkReference> software;    ///< trap: the monitor's, when the shadow lacks the page
  bool paging = false;                    ///< of the guest; without it the address is physical
  bool mapped = false;                    ///< by all tables concerned
  std::string ends;                       ///< what the access would meet if not mapped; empty otherwise
  std::optional<GuestPhys> guest_physical;
  std::optional<MachinePhys> machine;
  u32 page_bytes = 0;    ///< of the translation that the TLB would hold
  u8 guest_levels = 0;   ///< references to the guest's tables (n), as far as the walk got
  u8 nested_levels = 0;  ///< levels of the nested tables (m), 0 without
  std::optional<ShadowEntryState> shadow;
};

/// `user`: with the rights of ring 3.
WalkTrace trace_walk(VirtualMachine& vm, LinearAddr address, Access access, bool user);

}  // namespace ringside
