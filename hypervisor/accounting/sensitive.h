// The instructions that make x86 hard to virtualize: sensitive, and yet they do not trap outside ring 0.
//
// Robin and Irvine (USENIX Security 2000) found them in the Pentium. Their paper and every list since says 17
// and prints 18 mnemonics; this is that list, with the opcodes that the processor reports when one of them
// executed silently.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cpu/cpu.h"

namespace ringside {

struct SensitiveInstruction {
  std::string_view mnemonic;         ///< "popf"
  std::string_view what_goes_wrong;  ///< completes "it ..."
};

/// Robin and Irvine's list, in their order.
std::span<const SensitiveInstruction> sensitive_instructions();

/// The row for an opcode as SilentSensitive has it; nullptr for one that is not in the list.
const SensitiveInstruction* find_sensitive(u16 opcode, u8 modrm_reg);

}  // namespace ringside
