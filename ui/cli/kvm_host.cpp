#include "ui/cli/kvm_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "cpu/host_error.h"

namespace ringside::cli {

bool wants_kvm_host(int argc, const char* const* argv) {
  return std::find(argv, argv + argc, kKvmHostOption) != argv + argc;
}

void become_kvm_host(int argc, const char* const* argv) {
  std::error_code error;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) throw HostError("--kvm-host cannot find its own program file: is /proc mounted?");
  std::vector<std::string> arguments{RINGSIDE_KVM_HOST, self};
  for (int i = 1; i < argc; ++i)
    if (argv[i] != kKvmHostOption) arguments.emplace_back(argv[i]);
  std::vector<char*> raw;
  for (std::string& a : arguments) raw.push_back(a.data());
  raw.push_back(nullptr);
  ::execv(raw[0], raw.data());
  throw HostError(
      fmt::format("cannot start {}: {}. Is the source folder that this program was built from still there?",
                  RINGSIDE_KVM_HOST, std::strerror(errno)));
}

}  // namespace ringside::cli
