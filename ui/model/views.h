// Memory and devices of a virtual machine as rows of text, without side effects on the guest.
#pragma once

#include "ui/model/frame.h"

namespace ringside::model {

/// The walk of `address` in the guest's tables and in those that the processor really uses.
PageWalkView walk_view(VirtualMachine& vm, LinearAddr address);
/// `count` pages from the one that holds `begin` on.
std::vector<MappingRow> mapping_rows(VirtualMachine& vm, LinearAddr begin, unsigned count);
std::vector<DeviceRow> device_rows(VirtualMachine& vm);
std::vector<std::string> screen_rows(VirtualMachine& vm);

}  // namespace ringside::model
