#include "hypervisor/text/disassemble.h"

#include <fmt/format.h>

#include "hypervisor/text/capstone_library.h"

namespace ringside {

std::string disassemble(std::span<const u8> bytes, u32 eip, bool code32) {
  const CapstoneLibrary& capstone = CapstoneLibrary::get();
  csh handle = 0;
  if (capstone.open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &handle) != CS_ERR_OK) return {};
  cs_insn* const instruction = capstone.malloc(handle);
  const u8* code = bytes.data();
  std::size_t size = bytes.size();
  u64 at = eip;
  std::string text;
  if (capstone.disasm_iter(handle, &code, &size, &at, instruction)) {
    text = instruction->mnemonic;
    if (*instruction->op_str) text += fmt::format(" {}", instruction->op_str);
  }
  capstone.free(instruction, 1);
  capstone.close(&handle);
  return text;
}

}  // namespace ringside
