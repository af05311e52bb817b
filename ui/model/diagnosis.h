// Where a guest stands that has died, hangs or ran out of its budget: for the report of a run.
#pragma once

#include <string>

#include "hypervisor/virtual_machine.h"

namespace ringside::model {

/// A few lines: the instruction at CS:EIP with its disassembly and symbol, the registers as the guest sees
/// them, and what on its stack looks like return addresses, if the image has symbols. No side effects.
std::string where_it_stands(VirtualMachine& vm);

}  // namespace ringside::model
