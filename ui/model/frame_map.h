// What every page frame of the machine is used for, seen from the guest's current address space and from its
// monitor.
#pragma once

#include "ui/model/frame.h"

namespace ringside::model {

std::string_view name(FrameUse);
std::string_view explain(FrameUse);

/// Walks the guest's current address space once: about a millisecond for 32 MiB.
FrameMap frame_map(VirtualMachine& vm);

}  // namespace ringside::model
