// Devices and screen of a virtual machine as rows of text, without side effects on the guest.
#pragma once

#include "ui/model/frame.h"

namespace ringside::model {

std::vector<DeviceRow> device_rows(VirtualMachine& vm);
std::vector<std::string> screen_rows(VirtualMachine& vm);

}  // namespace ringside::model
