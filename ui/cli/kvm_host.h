// `--kvm-host`: a throw-away host that has a real KVM (ui/kvm-host). `run` and `doctor` happen in there as a
// whole; `compare` sends only its mode kvm there, and simulates the others here at full speed.
#pragma once

#include <string>
#include <vector>

#include "hypervisor/accounting/run_report.h"

namespace ringside::cli {

inline constexpr const char* kKvmHostOption = "--kvm-host";
inline constexpr const char* kKvmHostHelp =
    "run all of this in a throw-away host with a real KVM: Debian's cloud kernel in QEMU's emulator";

/// Replaces this process by ui/kvm-host with the remaining arguments. Returns only by HostError.
[[noreturn]] void become_kvm_host(int argc, const char* const* argv);

/// Runs `ringside` with these arguments in there and reads the report that it prints. What goes wrong makes
/// it an unavailable one.
RunReport run_in_kvm_host(const std::vector<std::string>& arguments);

}  // namespace ringside::cli
