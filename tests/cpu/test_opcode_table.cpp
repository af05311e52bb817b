// The opcode table is a table: no two rows claim the same encoding, and what a row says is consistent.
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cpu/decode.h"
#include "cpu/execution.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

std::string name_of(const OpcodeRow& row) {
  char text[64];
  std::snprintf(text, sizeof text, "%04X /%d %s", row.opcode, row.reg, row.mnemonic);
  return text;
}

}  // namespace

TEST_CASE("no two opcode rows overlap") {
  std::map<std::tuple<unsigned, int, bool>, std::string> claimed;
  for (const OpcodeRow& row : opcode_table()) {
    for (unsigned k = 0; k < (row.by_register() ? 8u : 1u); ++k)
      for (int reg = 0; reg < 8; ++reg)
        for (const bool by_register : {false, true}) {
          if (row.reg >= 0 && row.reg != reg) continue;
          if (row.attributes & (by_register ? attribute::MemoryOnly : attribute::RegisterOnly)) continue;
          const auto [at, fresh] = claimed.try_emplace({row.opcode + k, reg, by_register}, name_of(row));
          INFO(name_of(row) << " and " << at->second);
          CHECK(fresh);
        }
  }
}

TEST_CASE("every opcode row is found again, and is consistent") {
  for (const OpcodeRow& row : opcode_table()) {
    INFO(name_of(row));
    const bool register_form = row.attributes & attribute::RegisterOnly;
    CHECK(find_opcode(row.opcode, row.reg < 0 ? 0 : static_cast<u8>(row.reg), register_form) == &row);
    CHECK(row.select != nullptr);
    CHECK((row.flags_defined & row.flags_undefined) == 0);
    constexpr u8 kForms = attribute::MemoryOnly | attribute::RegisterOnly;
    CHECK((row.attributes & kForms) != kForms);
    if (row.reg >= 0) CHECK(has_modrm(row.opcode));
  }
}

TEST_CASE("older processor models lack the newer opcodes") {
  const std::vector<std::pair<std::vector<u8>, CpuModel>> kFirst = {
      {{0x0F, 0xC8}, CpuModel::I486},           // BSWAP
      {{0x0F, 0xC1, 0xC0}, CpuModel::I486},     // XADD
      {{0x0F, 0x01, 0x38}, CpuModel::I486},     // INVLPG
      {{0x0F, 0xC7, 0x08}, CpuModel::Pentium},  // CMPXCHG8B
      {{0x0F, 0x31}, CpuModel::Pentium},        // RDTSC
      {{0x0F, 0x44, 0xC0}, CpuModel::P6},       // CMOVE
      {{0x0F, 0x34}, CpuModel::P6},             // SYSENTER
  };
  for (const auto& [bytes, first] : kFirst) {
    for (const CpuModel model : {CpuModel::I386, CpuModel::I486, CpuModel::Pentium, CpuModel::P6}) {
      Decoded d;
      const DecodeStatus status = decode(bytes.data(), static_cast<unsigned>(bytes.size()), true, model, d);
      CHECK(status == (model >= first ? DecodeStatus::Ok : DecodeStatus::Undefined));
    }
  }
}

TEST_CASE("LOCK is legal before a few instructions, and only with a destination in memory") {
  const std::vector<std::pair<std::vector<u8>, bool>> kCases = {
      {{0xF0, 0x01, 0x08}, true},         // add [eax], ecx
      {{0xF0, 0x01, 0xC8}, false},        // add eax, ecx
      {{0xF0, 0x03, 0x08}, false},        // add ecx, [eax]
      {{0xF0, 0x39, 0x08}, false},        // cmp [eax], ecx
      {{0xF0, 0x89, 0x08}, false},        // mov [eax], ecx
      {{0xF0, 0x87, 0x08}, true},         // xchg [eax], ecx
      {{0xF0, 0x0F, 0xA3, 0x08}, false},  // bt
      {{0xF0, 0x0F, 0xAB, 0x08}, true},   // bts
      {{0xF0, 0x0F, 0xB1, 0x08}, true},   // cmpxchg
      {{0xF0, 0xFF, 0x00}, true},         // inc [eax]
      {{0xF0, 0xF7, 0x18}, true},         // neg [eax]
      {{0xF0, 0xC1, 0x20, 0x01}, false},  // shl [eax], 1
  };
  for (const auto& [bytes, legal] : kCases) {
    Decoded d;
    const DecodeStatus status =
        decode(bytes.data(), static_cast<unsigned>(bytes.size()), true, CpuModel::P6, d);
    CHECK((status == DecodeStatus::Ok) == legal);
  }
}

TEST_CASE("an instruction of more than 15 bytes is too long") {
  std::vector<u8> bytes(15, 0x3E);
  Decoded d;
  CHECK(decode(bytes.data(), 15, true, CpuModel::P6, d) == DecodeStatus::TooLong);
  bytes[14] = 0x90;
  Decoded e;
  CHECK(decode(bytes.data(), 15, true, CpuModel::P6, e) == DecodeStatus::Ok);
  CHECK(e.length == 15);
}
