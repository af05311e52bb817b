// What a debugger does to the processor under a guest, be it the simulated one or, in mode kvm, the host's.
//
// The simulated processor takes any number of points. The host's executes INT3 for breakpoints, which is in
// guest memory only while the guest runs, and has four debug registers for watchpoints. A host that is itself
// emulated may honour neither: then HLT stands in for INT3, in code that only ring 0 executes, and there are
// no watchpoints. Manual: Intel SDM vol. 3 section 18.2 (debug registers); Linux
// Documentation/virt/kvm/api.rst, KVM_SET_GUEST_DEBUG.
#pragma once

#include <vector>

#include "hypervisor/virtual_machine.h"

namespace ringside {

struct DebugPoint {
  LinearAddr address;
  enum class Kind : u8 { Execute, Write, ReadOrWrite } kind = Kind::Execute;
  u32 bytes = 1;  ///< watched; 1 for Execute
};

/// Replaces all points. Where the guest meets one, run() and step() end with VirtualMachine::debug_stop().
/// Throws HostError, and leaves the points as they were, if the host's processor cannot watch these.
void set_debug_points(VirtualMachine&, std::vector<DebugPoint>);

/// The registers of the processor that runs the guest, to be read and changed between two runs.
CpuState& processor_registers(VirtualMachine&);

}  // namespace ringside
