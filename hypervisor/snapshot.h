// A machine put aside: everything that decides how its guest goes on.
//
// Kept: RAM and the monitor's frames page by page (pages that did not change since the previous snapshot are
// shared with it, pages of zeros cost nothing), the processor with its TLB, the devices, the monitor's
// bookkeeping, the ledger, the run loop's position in its time slice. Left out: decoded code, breakpoints,
// what observes the run, the contents of disks. A snapshot belongs to the one VirtualMachine that it was
// taken of.
#pragma once

#include <array>

#include "cpu/snapshot.h"
#include "hypervisor/machine_layout.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {

using PageCopy = std::array<u8, kPageSize>;

struct VmSnapshot {
  std::vector<std::shared_ptr<const PageCopy>> pages;  ///< nullptr: all zeros
  std::shared_ptr<const CpuSnapshot> cpu;
  Host::Accounts accounts;
  Machine::Devices::State devices;
  std::unique_ptr<const MonitorState> monitor;

  u64 slice_left = 0, emulated = 0, fruitless = 0;
  bool waiting_at_start = false, ended = false;
  Ending ending = Ending::Budget;
  u8 guest_status = 0;
  std::string why;

  u64 instructions = 0;  ///< where in the run this is

  /// Host memory that goes when this snapshot goes and `previous`, whose pages it may share, stays.
  u64 bytes_beside(const VmSnapshot* previous) const;
};

}  // namespace ringside
