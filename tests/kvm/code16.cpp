#include "tests/kvm/code16.h"

#include <algorithm>
#include <stdexcept>

#include "cpu/decode.h"

namespace ringside::test {
namespace {

constexpr u8 kOperandSize = 0x66, kAddressSize = 0x67;
constexpr u8 kMovBytes = 5, kMovBytes16 = 7;

bool is_prefix(u8 byte) {
  constexpr u8 kPrefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3};
  return std::find(std::begin(kPrefixes), std::end(kPrefixes), byte) != std::end(kPrefixes);
}

/// How many bytes of displacement end a relative branch; 0 for other instructions.
unsigned branch_bytes(const u8* opcode) {
  if ((opcode[0] & 0xF0) == 0x70 || (opcode[0] & 0xFC) == 0xE0 || opcode[0] == 0xEB) return 1;
  return opcode[0] == 0x0F && (opcode[1] & 0xF0) == 0x80 ? 4 : 0;
}

}  // namespace

std::vector<u8> to_code16(const std::vector<u8>& code) {
  std::vector<u8> out;
  for (std::size_t at = 0; at < code.size();) {
    Decoded d;
    if (decode(&code[at], static_cast<unsigned>(std::min<std::size_t>(code.size() - at, 15)), true,
               CpuModel::P6, d) != DecodeStatus::Ok)
      throw std::logic_error("random code that does not decode");
    std::size_t opcode = at;
    bool operand_size = true, address_size = true;
    for (; is_prefix(code[opcode]); ++opcode) {
      if (code[opcode] == kOperandSize)
        operand_size = false;
      else if (code[opcode] == kAddressSize)
        address_size = false;
      else
        out.push_back(code[opcode]);
    }
    if (operand_size) out.push_back(kOperandSize);
    if (address_size) out.push_back(kAddressSize);
    out.insert(out.end(), code.begin() + static_cast<long>(opcode),
               code.begin() + static_cast<long>(at + d.length));
    if (const unsigned bytes = branch_bytes(&code[opcode])) {
      u8& displacement = out[out.size() - bytes];
      if (displacement != kMovBytes) throw std::logic_error("a branch that does not skip one MOV");
      displacement = kMovBytes16;
    }
    at += d.length;
  }
  return out;
}

}  // namespace ringside::test
