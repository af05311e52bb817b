// A line of the monitor's own source, as the windows name it: derived by the compiler, so it cannot go stale.
#pragma once

#include <string>

#include "hypervisor/accounting/ledger.h"

namespace ringside::model {

/// "hypervisor/trap/emulate_privileged.cpp:176", empty if there is none.
std::string source_line(const SourceLine& where);
/// "emulation::mov_to_cr": without the return type, the arguments and our outermost namespace.
std::string function_name(const SourceLine& where);

}  // namespace ringside::model
