// One instruction as text, by Capstone, for reports.
#pragma once

#include <span>
#include <string>

#include "cpu/address.h"

namespace ringside {

/// "fbstp [0xb8000]"; empty if the bytes are no instruction.
std::string disassemble(std::span<const u8> bytes, u32 eip, bool code32);

}  // namespace ringside
