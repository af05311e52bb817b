// Runs of built-in guests and of a few bytes of code, for the comparisons with real KVM.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "guests/builtin.h"
#include "hypervisor/kvm/kvm_monitor.h"
#include "hypervisor/virtual_machine.h"

namespace ringside::test {

struct Run {
  Ending ending{};
  std::string why, console;
  std::map<ExitReason, u64> exits;
  u64 count(ExitReason reason) const {
    const auto row = exits.find(reason);
    return row == exits.end() ? 0 : row->second;
  }
};

/// Until the guest ends, at most two minutes.
Run finish(VirtualMachine&);

struct GuestOptions {
  std::string command_line;
  bool kernel_irqchip = false;
  std::shared_ptr<BlockBackend> disk{};  ///< instead of the guest's own
};
std::unique_ptr<VirtualMachine> machine_for(const BuiltinGuest&, Mode, const GuestOptions&);
/// A flat image of code: its first byte is the entry, at 1 MiB.
std::unique_ptr<VirtualMachine> machine_for(std::vector<u8> code, Mode = Mode::Kvm);

Run run_guest(const BuiltinGuest&, Mode, const GuestOptions&);
KvmMonitor& kvm_of(VirtualMachine&);

}  // namespace ringside::test
