// The I/O-MMU: what a device that a guest drives by itself may reach of the machine's memory.
//
// The addresses that the guest's driver writes into descriptors are guest-physical. The device's accesses are
// translated by tables of the same form as EPT's, which the monitor fills before the guest starts: hardware
// does not retry an access of a device as it retries a guest's instruction, so nothing can be mapped on
// demand. What the tables do not permit is refused and reported. Simplified: one domain for all devices, no
// IOTLB, no time for the walk, which overlaps with the device's own work.
// Manual: Intel VT-d specification, sections 3.4 (address translation), 7 (faults).
#pragma once

#include <string>

#include "hypervisor/hvm/ept_tables.h"

namespace ringside {

class IoMmu {
 public:
  /// Maps all of guest RAM. Throws HostError if the monitor has no frames for that.
  IoMmu(MachineMemory& memory, FramePool& frames, GuestMemory ram);

  /// Whether a device may make this access: every page of it is mapped with the right, to guest RAM.
  bool permits(GuestPhys address, u64 bytes, bool write);
  /// Takes rights away from a page; `rights` of ept::R and W. For a monitor, or a test of it.
  void protect(GuestPhys page, u64 rights);

  u64 accesses() const { return accesses_; }
  u64 references() const { return references_; }  ///< made by the walks
  u64 refused() const { return refused_; }
  const std::string& last_fault() const { return last_fault_; }  ///< empty = none

 private:
  EptTables tables_;
  GuestMemory ram_;
  u64 accesses_ = 0, references_ = 0, refused_ = 0;
  std::string last_fault_;
};

}  // namespace ringside
