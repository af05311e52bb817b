#include "ui/model/disassembler.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"
#include "hypervisor/accounting/run_report.h"
#include "hypervisor/text/capstone_library.h"

namespace ringside::model {

struct Disassembler::Handles {
  const CapstoneLibrary& capstone = CapstoneLibrary::get();
  csh code16 = 0, code32 = 0;
  Handles() {
    if (capstone.open(CS_ARCH_X86, CS_MODE_16, &code16) != CS_ERR_OK ||
        capstone.open(CS_ARCH_X86, CS_MODE_32, &code32) != CS_ERR_OK)
      throw HostError(
          fmt::format("Capstone ({}) cannot disassemble x86. Reinstall its package.", capstone.path));
  }
  ~Handles() {
    capstone.close(&code16);
    capstone.close(&code32);
  }
};

Disassembler::Disassembler() : handles_(std::make_unique<Handles>()) {}
Disassembler::~Disassembler() = default;

std::vector<DisassemblyRow> Disassembler::rows(u32 address, std::size_t count, bool code32,
                                               const Fetch& fetch, const Image& image) const {
  constexpr std::size_t kLongestInstruction = 15;
  const csh handle = code32 ? handles_->code32 : handles_->code16;
  const CapstoneLibrary& capstone = handles_->capstone;
  cs_insn* insn = capstone.malloc(handle);
  std::vector<DisassemblyRow> result;
  for (std::size_t row = 0; row < count; ++row) {
    std::array<u8, kLongestInstruction> buffer{};
    const std::size_t available = fetch(address, buffer);
    DisassemblyRow r{.address = address};
    const std::string where = symbol_name(image, address);
    if (!where.empty() && where.find('+') == std::string::npos) r.symbol = where;
    const u8* code = buffer.data();
    std::size_t size = available;
    u64 at = address;
    unsigned length = 1;
    if (available == 0) {
      r.bytes = "--";
      r.mnemonic = "(not mapped)";
    } else if (capstone.disasm_iter(handle, &code, &size, &at, insn)) {
      length = insn->size;
      r.mnemonic = insn->mnemonic;
      r.operands = insn->op_str;
    } else {
      r.mnemonic = "db";
      r.operands = fmt::format("0x{:02x}", buffer[0]);
    }
    for (unsigned i = 0; available && i < length; ++i)
      r.bytes += fmt::format("{}{:02x}", i ? " " : "", buffer[i]);
    result.push_back(std::move(r));
    if (available == 0) break;
    address += length;
  }
  capstone.free(insn, 1);
  return result;
}

}  // namespace ringside::model
