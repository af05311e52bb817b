#include "hypervisor/disassemble.h"

#include <capstone.h>
#include <fmt/format.h>

namespace ringside {

std::string disassemble(std::span<const u8> bytes, u32 eip, bool code32) {
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &handle) != CS_ERR_OK) return {};
  cs_insn* instruction = nullptr;
  std::string text;
  if (const std::size_t n = cs_disasm(handle, bytes.data(), bytes.size(), eip, 1, &instruction)) {
    text = instruction->mnemonic;
    if (*instruction->op_str) text += fmt::format(" {}", instruction->op_str);
    cs_free(instruction, n);
  }
  cs_close(&handle);
  return text;
}

}  // namespace ringside
