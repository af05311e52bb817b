// A guest's first moment on its machine: the image in memory, what firmware tells a kernel about the board,
// and the processor's first state.
#pragma once

#include "hypervisor/boot/image.h"
#include "hypervisor/host.h"

namespace ringside {

/// boot_bare() on this host's machine; the caller gives the state to the guest's processor. Throws HostError
/// as boot_bare() does.
CpuState boot_machine(const Image& image, Host& host, const std::string& command_line);

}  // namespace ringside
