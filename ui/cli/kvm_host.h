// `--kvm-host`: the same command in a throw-away host that has a real KVM (ui/kvm-host).
#pragma once

#include <string_view>

namespace ringside::cli {

inline constexpr std::string_view kKvmHostOption = "--kvm-host";
inline constexpr const char* kKvmHostHelp =
    "run all of this in a throw-away host with a real KVM: Debian's cloud kernel in QEMU's emulator";

bool wants_kvm_host(int argc, const char* const* argv);
/// Replaces this process by ui/kvm-host with the remaining arguments. Returns only by HostError.
[[noreturn]] void become_kvm_host(int argc, const char* const* argv);

}  // namespace ringside::cli
