// The one error type for what the host or a file did wrong: bad image, no /dev/kvm, corrupt snapshot, bad flag.
// The message names what, where, and the remedy; the command line prints it and exits with status 2.
#pragma once

#include <stdexcept>
#include <string>

namespace ringside {

class HostError : public std::runtime_error {
 public:
  explicit HostError(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace ringside
