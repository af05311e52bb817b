// Page walks as the memory windows show them. What the processor walks is told by
// hypervisor/walk_trace.h, what the guest's own tables say by hypervisor/guest_walk.h.
#pragma once

#include "hypervisor/guest_walk.h"
#include "ui/model/frame.h"

namespace ringside::model {

/// A set of page tables and the memory that they lie in, which decides what their addresses mean.
class GuestTables {
 public:
  GuestTables(GuestMemory memory, const CpuState& state)
      : memory_(memory), mode_(paging_mode(state, false)) {}

  PageWalk walk(LinearAddr address) const { return walk_guest(memory_, mode_, address, Access::Read); }
  u64 machine_frame(u64 physical) const { return memory_.to_machine(GuestPhys(physical)).frame(); }
  bool pae() const { return mode_.cr4 & cr4::PAE; }

 private:
  GuestMemory memory_;
  PagingMode mode_;
};

/// The tables that the guest believes in. A paravirtual guest's hold machine addresses.
GuestTables guest_tables(VirtualMachine& vm);

PageWalkView walk_view(VirtualMachine& vm, LinearAddr address);
std::vector<MappingRow> mapping_rows(VirtualMachine& vm, LinearAddr begin, unsigned count);

}  // namespace ringside::model
