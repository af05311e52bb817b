// The socket in front of GdbTarget: one gdb at a time on the loopback interface.
#pragma once

#include "ui/model/lane.h"

namespace ringside::debugger {

/// Serves gdb until the guest has ended and gdb has been told, or gdb kills it: false then. When gdb detaches
/// or its connection ends, the guest runs on without a debugger, within `limits`, whose seconds begin there.
/// `announce` gets one line when the port is open. A second client is turned away; a malformed packet is
/// answered as such; neither disturbs the guest. Port 0 chooses a free one. Throws HostError if the port
/// cannot be had.
bool serve_gdb(model::Lane& lane, u16 port, const Limits& limits,
               const std::function<void(const std::string&)>& announce);

}  // namespace ringside::debugger
