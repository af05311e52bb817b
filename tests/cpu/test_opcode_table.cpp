// The opcode table is a table: no two rows claim the same encoding, and what a row says is consistent.
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cpu/decode.h"
#include "cpu/execution.h"
#include "tests/catch.h"
#include "tests/cpu/small_machine.h"

using namespace ringside;
using namespace ringside::test;

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

namespace {

struct Newer {
  const char* name;
  std::vector<u8> bytes;
  CpuModel since;
};
/// What came after the 80386, by the manuals' lists of new instructions (SDM vol. 3
/// sections 23.1, 23.13-23.15).
const std::vector<Newer>& newer_than_386() {
  static const std::vector<Newer> kTable = [] {
    std::vector<Newer> table = {
        {"bswap", {0x0F, 0xC8}, CpuModel::I486},
        {"cmpxchg8", {0x0F, 0xB0, 0xC1}, CpuModel::I486},
        {"cmpxchg", {0x0F, 0xB1, 0xC1}, CpuModel::I486},
        {"xadd8", {0x0F, 0xC0, 0xC1}, CpuModel::I486},
        {"xadd", {0x0F, 0xC1, 0xC1}, CpuModel::I486},
        {"invlpg", {0x0F, 0x01, 0x3D, 0, 0, 0, 0}, CpuModel::I486},
        {"invd", {0x0F, 0x08}, CpuModel::I486},
        {"wbinvd", {0x0F, 0x09}, CpuModel::I486},
        {"cmpxchg8b", {0x0F, 0xC7, 0x0D, 0, 0x20, 0, 0}, CpuModel::Pentium},
        {"rdtsc", {0x0F, 0x31}, CpuModel::Pentium},
        {"rdmsr", {0x0F, 0x32}, CpuModel::Pentium},
        {"wrmsr", {0x0F, 0x30}, CpuModel::Pentium},
        {"cpuid", {0x0F, 0xA2}, CpuModel::Pentium},
        {"mov eax, cr4", {0x0F, 0x20, 0xE0}, CpuModel::Pentium},
        {"mov cr4, eax", {0x0F, 0x22, 0xE0}, CpuModel::Pentium},
        {"rdpmc", {0x0F, 0x33}, CpuModel::P6},
        {"sysenter", {0x0F, 0x34}, CpuModel::P6},
        {"sysexit", {0x0F, 0x35}, CpuModel::P6},
        {"emms", {0x0F, 0x77}, CpuModel::P6},
    };
    for (u8 n = 0; n < 16; ++n)
      table.push_back({"cmov", {0x0F, static_cast<u8>(0x40 + n), 0xC1}, CpuModel::P6});
    for (u8 n = 0x18; n < 0x20; ++n) table.push_back({"nop", {0x0F, n, 0xC0}, CpuModel::P6});
    return table;
  }();
  return kTable;
}

/// One of each generation; their own tables have the rest.
const std::vector<Newer>& newer_floating_point() {
  static const std::vector<Newer> kTable = {
      {"fadd", {0xD8, 0xC1}, CpuModel::I386},
      {"fcos", {0xD9, 0xFF}, CpuModel::I386},
      {"fcmovb", {0xDA, 0xC1}, CpuModel::P6},
      {"fcomip", {0xDF, 0xF1}, CpuModel::P6},
      {"paddb mm", {0x0F, 0xFC, 0xC1}, CpuModel::P6},
      {"pavgb mm", {0x0F, 0xE0, 0xC1}, CpuModel::Pentium3},
      {"addps", {0x0F, 0x58, 0xC1}, CpuModel::Pentium3},
      {"addss", {0xF3, 0x0F, 0x58, 0xC1}, CpuModel::Pentium3},
      {"fxsave", {0x0F, 0xAE, 0x05, 0, 0x20, 0, 0}, CpuModel::Pentium3},
      {"sfence", {0x0F, 0xAE, 0xF8}, CpuModel::Pentium3},
      {"addpd", {0x66, 0x0F, 0x58, 0xC1}, CpuModel::Pentium4},
      {"addsd", {0xF2, 0x0F, 0x58, 0xC1}, CpuModel::Pentium4},
      {"paddb xmm", {0x66, 0x0F, 0xFC, 0xC1}, CpuModel::Pentium4},
      {"paddq mm", {0x0F, 0xD4, 0xC1}, CpuModel::Pentium4},
      {"mfence", {0x0F, 0xAE, 0xF0}, CpuModel::Pentium4},
      {"clflush", {0x0F, 0xAE, 0x3D, 0, 0x20, 0, 0}, CpuModel::Pentium4},
  };
  return kTable;
}

/// Whether the processor raises #UD for the instruction at ring 0 of flat protected mode.
bool undefined_when_executed(const std::vector<u8>& bytes, CpuModel model) {
  SmallMachine machine(CpuConfig{model});
  Vmcs vmcs;
  vmcs.enable_ept = false;
  vmcs.exception_bitmap = ~0u;
  machine.cpu.set_vmcs(&vmcs);
  machine.cpu.state().cr0 = cr0::PE | cr0::ET;
  machine.cpu.state().cr4 = model >= CpuModel::Pentium3 ? cr4::OSFXSR : 0;
  machine.code(bytes);
  const CpuExit exit = machine.cpu.run(1);
  const auto* e = std::get_if<exits::ExceptionOrNmi>(&exit);
  machine.cpu.set_vmcs(nullptr);
  return e && e->event.vector == vector::UD;
}

}  // namespace

TEST_CASE("each processor model has its instructions, and #UD for the later ones") {
  std::vector<Newer> table = newer_than_386();
  for (const Newer& row : newer_floating_point()) table.push_back(row);
  for (const Newer& row : table)
    for (const CpuModel model : {CpuModel::I386, CpuModel::I486, CpuModel::Pentium, CpuModel::P6,
                                 CpuModel::Pentium3, CpuModel::Pentium4}) {
      INFO(row.name << " on model " << static_cast<int>(model));
      CHECK(undefined_when_executed(row.bytes, model) == (model < row.since));
    }
}

TEST_CASE("what the table says is newer than the 80386 is what the manuals list") {
  unsigned newer = 0;
  for (const OpcodeRow& row : opcode_table())
    newer += row.since != CpuModel::I386 && row.operands[0] != Form::Simd;  // those have a table of their own
  // MOV to and from CR4 are no opcodes of their own.
  CHECK(newer == newer_than_386().size() - 2);
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
