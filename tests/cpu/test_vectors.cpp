// Single instructions that a real 80286 executed in real mode, replayed.
//
// The vectors are not part of this repository. They are looked for in RINGSIDE_VECTORS, or in shared/vectors
// beside the source tree; the test is skipped where they are not found. A vector that cannot apply to a 386
// or later is skipped by a rule of the manuals, never by name; each rule counts what it skips.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cpu/decode.h"
#include "tests/catch.h"
#include "tests/cpu/small_machine.h"

using namespace ringside;
using namespace ringside::test;
using nlohmann::json;

namespace {

std::filesystem::path find_vectors() {
  const std::filesystem::path source = RINGSIDE_SOURCE_DIR;
  std::vector<std::filesystem::path> places = {source / "../shared/vectors", source / "../../shared/vectors"};
  if (const char* named = std::getenv("RINGSIDE_VECTORS")) places.insert(places.begin(), named);
  for (const auto& place : places)
    if (std::filesystem::exists(place / "i286_real_mode.jsonl.xz")) return place;
  return {};
}

/// The lines of a file that xz compressed.
class CompressedLines {
 public:
  explicit CompressedLines(const std::filesystem::path& file)
      : pipe_(popen(("xz -dc '" + file.string() + "'").c_str(), "r"), pclose) {}
  bool next(std::string& line) {
    line.clear();
    for (int ch; (ch = std::fgetc(pipe_.get())) != EOF && ch != '\n';) line += static_cast<char>(ch);
    return !line.empty();
  }

 private:
  std::unique_ptr<FILE, int (*)(FILE*)> pipe_;
};

struct Register {
  const char* name;
  u32 (*get)(const CpuState&);
  void (*set)(CpuState&, u32);
};

template <Gpr r>
constexpr Register general(const char* name) {
  return {name, [](const CpuState& s) { return s.gpr[r] & 0xFFFF; },
          [](CpuState& s, u32 v) { s.gpr[r] = v; }};
}
template <Seg r>
constexpr Register segment(const char* name) {
  return {name, [](const CpuState& s) { return u32{s.seg[r].selector}; },
          [](CpuState& s, u32 v) {
            s.seg[r].selector = static_cast<u16>(v);
            s.seg[r].base = v << 4;
          }};
}

const Register kRegisters[] = {
    general<EAX>("ax"),
    general<EBX>("bx"),
    general<ECX>("cx"),
    general<EDX>("dx"),
    general<ESI>("si"),
    general<EDI>("di"),
    general<EBP>("bp"),
    general<ESP>("sp"),
    segment<CS>("cs"),
    segment<SS>("ss"),
    segment<DS>("ds"),
    segment<ES>("es"),
    {"ip", [](const CpuState& s) { return s.eip & 0xFFFF; }, [](CpuState& s, u32 v) { s.eip = v; }}};

constexpr u32 kFlags286 = 0x0FD5;  // the flags that exist in real mode on both processors

std::vector<u8> bytes_of(const std::string& hex) {
  std::vector<u8> bytes;
  for (size_t n = 0; n + 1 < hex.size(); n += 2)
    bytes.push_back(static_cast<u8>(std::stoi(hex.substr(n, 2), nullptr, 16)));
  return bytes;
}

/// Why a vector says nothing about a 386 or later; empty if it does.
std::string inapplicable(const json& vector, const std::vector<u8>& bytes, const Decoded& d) {
  if (d.opcode >= 0xD8 && d.opcode <= 0xDF) return "the coprocessor is absent here";
  if (d.length > 10) return "the 286's length limit is 10 bytes, later processors' 15";
  for (const u8 b : bytes) {
    if (b >= 0x64 && b <= 0x67) return "prefixes 64-67 are new on the 386";
    if (b == 0xF0) return "LOCK is legal before fewer instructions on the 386";
    const bool prefix = b == 0x26 || b == 0x2E || b == 0x36 || b == 0x3E || b == 0xF2 || b == 0xF3;
    if (!prefix) break;
  }
  const u8 first = static_cast<u8>(d.opcode);
  if (first == 0x8E && d.d > DS) return "FS and GS are new on the 386";
  const bool overrun = vector.contains("exception") && vector["exception"]["number"] == ringside::vector::GP;
  const bool pops = first == 0x07 || first == 0x17 || first == 0x1F || first == 0x61 || first == 0xC9;
  if (overrun && ((d.memory && d.seg == SS) || pops))
    return "past the end of SS is #SS on the 386, interrupt 13 on the 286";
  const bool string =
      (first >= 0xA4 && first <= 0xAF && first != 0xA8 && first != 0xA9) || (first & 0xFC) == 0x6C;
  if (overrun && (string || first == 0x8F))
    return "a fault leaves SP, CX, SI and DI as they were on the 386; the 286 has advanced them";
  return {};
}

u32 defined_flags(const json& metadata, const Decoded& d) {
  char name[8];
  std::snprintf(name, sizeof name, "%02X", d.opcode & 0xFF);
  const json& opcodes = metadata["opcodes"];
  if (d.opcode > 0xFF || !opcodes.contains(name)) return kFlags286;
  const json* entry = &opcodes[name];
  if (entry->contains("reg")) entry = &(*entry)["reg"][std::to_string(d.reg)];
  return entry->contains("flags-mask") ? (*entry)["flags-mask"].get<u32>() & kFlags286 : kFlags286;
}

/// Runs one vector; what differs, or nothing.
std::string replay(SmallMachine& m, const json& vector, u32 flags_mask) {
  CpuState s = reset_state();
  s.seg[CS].access = s.seg[DS].access | access_rights::kCode;
  const json& before = vector["initial"];
  const json& after = vector["final"];
  for (const Register& r : kRegisters) r.set(s, before["regs"][r.name]);
  s.eflags = (before["regs"]["flags"].get<u32>() & kFlags286) | eflags::kFixedOne;
  for (const auto& cell : before["ram"]) m.poke(cell[0], {cell[1].get<u8>()});
  m.cpu.state() = s;
  m.cpu.run(1 << 17);  // to the HLT behind it: enough for any REP

  const CpuState& now = m.cpu.state();
  std::string difference;
  const auto compare = [&](const std::string& what, u32 expected, u32 found) {
    char text[100];
    std::snprintf(text, sizeof text, " %s=%x expected %x", what.c_str(), found, expected);
    if (expected != found) difference += text;
  };
  for (const Register& r : kRegisters) {
    const json& regs = after["regs"].contains(r.name) ? after["regs"] : before["regs"];
    compare(r.name, regs[r.name], r.get(now));
  }
  const json& flags = after["regs"].contains("flags") ? after["regs"]["flags"] : before["regs"]["flags"];
  compare("flags", flags.get<u32>() & flags_mask, now.eflags & flags_mask);
  std::map<u32, u8> expected;
  for (const auto& cell : before["ram"]) expected[cell[0]] = cell[1];
  for (const auto& cell : after["ram"]) expected[cell[0]] = cell[1];
  // The file's flag_address is rounded down to an even address; the stack tells where the flags really are.
  const u32 pushed_flags =
      vector.contains("exception") ? now.seg[SS].base + ((now.gpr[ESP] + 4) & 0xFFFF) : ~1u;
  for (const auto& [address, value] : expected) {
    u32 mask = 0xFF;
    if (address == pushed_flags) mask = flags_mask & 0xFF;
    if (address == pushed_flags + 1) mask = flags_mask >> 8;
    compare("[" + std::to_string(address) + "]", value & mask, m.memory.data()[address] & mask);
  }
  for (const auto& [address, value] : expected) m.poke(address, {0});
  return difference;
}

}  // namespace

TEST_CASE("instructions captured from an 80286 in real mode give the same results", "[vectors]") {
  const auto place = find_vectors();
  if (place.empty()) RINGSIDE_SKIP("the 80286 vectors are not beside the source tree; set RINGSIDE_VECTORS");
  json metadata;
  std::ifstream(place / "i286_metadata.json") >> metadata;

  CompressedLines lines(place / "i286_real_mode.jsonl.xz");
  SmallMachine m({}, (16 << 20) + 0x10000);
  std::map<std::string, unsigned> skipped, failed;
  unsigned passed = 0;
  std::string line;
  while (lines.next(line)) {
    const json vector = json::parse(line);
    const std::vector<u8> bytes = bytes_of(vector["bytes"]);
    Decoded d;
    decode(bytes.data(), static_cast<unsigned>(bytes.size()), false, CpuModel::P6, d);
    const std::string reason = inapplicable(vector, bytes, d);
    if (!reason.empty()) {
      skipped[reason]++;
      continue;
    }
    const std::string difference = replay(m, vector, defined_flags(metadata, d));
    if (difference.empty()) {
      ++passed;
    } else if (failed[vector["opcode"]]++ < 3) {
      UNSCOPED_INFO(vector["bytes"] << " " << vector["name"] << ":" << difference);
    }
  }
  for (const auto& [reason, count] : skipped) UNSCOPED_INFO(count << " skipped: " << reason);
  UNSCOPED_INFO(passed << " passed");
  for (const auto& [opcode, count] : failed) UNSCOPED_INFO("opcode " << opcode << ": " << count << " failed");
  CHECK(failed.empty());
  CHECK(passed > 40000);
}
