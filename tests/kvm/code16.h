// 32-bit code for a 16-bit code segment: the same instructions with the same operand and address sizes.
#pragma once

#include <vector>

#include "cpu/address.h"

namespace ringside::test {

/// Toggles the operand-size and address-size prefixes of every instruction. `code` comes from RandomCode,
/// whose branches all skip one MOV of a 32-bit immediate; it is two bytes longer here.
std::vector<u8> to_code16(const std::vector<u8>& code);

}  // namespace ringside::test
