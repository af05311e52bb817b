// Calls of a student's monitor that every kind of monitor has: memory, devices and clock.
#pragma once

#include "hypervisor/host.h"
#include "labs/framework/session.h"

namespace ringside::labs {

/// nullopt: it is none of these; otherwise as Service::serve().
std::optional<bool> serve_machine(Host& host, Frame& call, std::vector<u8>& payload);

}  // namespace ringside::labs
