// A processor's state in a few lines of text, for reports of how a guest died.
#pragma once

#include <string>

#include "cpu/state.h"

namespace ringside {

std::string describe(const CpuState&);

}  // namespace ringside
