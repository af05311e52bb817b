// The decoder against Capstone: over random bytes both must agree on what is an instruction, on its length
// and on its mnemonic. Where they may differ is a rule with its reason.
#include "tests/catch.h"

#if RINGSIDE_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif
#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>

#include "cpu/decode.h"
#include "cpu/execution.h"

#if RINGSIDE_HAVE_CAPSTONE

using namespace ringside;

namespace {

/// One name for what each side spells in its own way.
std::string normalised(std::string name) {
  for (const char* prefix :
       {"lock ", "rep ", "repe ", "repne ", "notrack ", "xacquire ", "xrelease ", "bnd "})
    if (name.rfind(prefix, 0) == 0) return normalised(name.substr(std::string(prefix).size()));
  static const std::map<std::string, std::string> kSame = {{"xlat", "xlatb"},
                                                           {"sal", "shl"},
                                                           {"lret", "retf"},
                                                           {"pause", "nop"},
                                                           {"ud2b", "ud1"},
                                                           {"jecxz", "jcxz"},
                                                           // REP before BSF and BSR means nothing to a P6
                                                           {"tzcnt", "bsf"},
                                                           {"lzcnt", "bsr"},
                                                           {"feni8087_nop", "fneni"},
                                                           {"fdisi8087_nop", "fndisi"},
                                                           {"fsetpm", "fnsetpm"}};
  if (name.rfind("prefetch", 0) == 0) return "nop";  // on the P6 these opcodes are hints that do nothing
  for (const char* predicate : {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"})
    for (const char* type : {"ps", "pd", "ss", "sd"})
      if (name == std::string("cmp") + predicate + type) return std::string("cmp") + type;
  const auto found = kSame.find(name);
  return found == kSame.end() ? name : found->second;
}

/// Instructions that Capstone knows and a Pentium 4 does not have.
bool newer_than_pentium4(const cs_insn& insn, const std::string& name) {
  static const std::set<std::string> kNewer = {
      "encls",  "getsec",  "movbe",    "rdrand",   "rdseed",    "rdtscp", "swapgs", "syscall",    "sysret",
      "stac",   "clac",    "montmul",  "vrsqrtss", "prefetchw", "xgetbv", "xsetbv", "xrstor",     "xsave",
      "xsaves", "xsavec",  "xsaveopt", "xrstors",  "xtest",     "xend",   "xstore", "sysenter64", "monitor",
      "mwait",  "invlpga", "skinit",   "clgi",     "stgi",      "enclu",  "popcnt"};
  const bool vex = name[0] == 'v' && name != "verr" && name != "verw";
  const bool padlock =
      name.rfind("xcrypt", 0) == 0 || name.rfind("xsha", 0) == 0 || name.rfind("xstore", 0) == 0;
  if (vex || padlock || kNewer.count(name) || name == "rsm")
    return true;  // RSM: there is no system management mode
  for (unsigned g = 0; g < insn.detail->groups_count; ++g) {
    const unsigned group = insn.detail->groups[g];
    if (group >= X86_GRP_VM && group != X86_GRP_CMOV && group != X86_GRP_MMX && group != X86_GRP_SSE1 &&
        group != X86_GRP_SSE2 && group != X86_GRP_NOT64BITMODE && group != X86_GRP_MODE64 &&
        group != X86_GRP_MODE32)
      return true;
  }
  return false;
}

/// Encodings that we decode, and whose handlers raise #UD or stop; Capstone has no name for them.
bool decided_when_executed(const Decoded& d) {
  const bool hint = d.opcode >= 0x0F18 && d.opcode <= 0x0F1F;
  const bool no_such_register =
      (d.opcode >= 0x0F20 && d.opcode <= 0x0F23) || d.opcode == 0x8C || d.opcode == 0x8E;
  const bool ud0 = d.opcode == 0x0FFF;
  const bool fence = d.opcode == 0x0FAE && d.mod == 3;  // with any register
  return fence || hint || no_such_register || ud0 || d.opcode == 0x0F01;
}

bool prefix(u8 b) {
  return b == 0x26 || b == 0x2E || b == 0x36 || b == 0x3E || (b >= 0x64 && b <= 0x67) || b == 0xF0 ||
         b == 0xF2 || b == 0xF3;
}

/// The prefix that chooses among MMX, SSE and SSE2: Capstone forgets it in 16-bit code, and when another one
/// stands behind it.
bool mandatory_prefix_lost(const u8* bytes, const Decoded& d, bool code32) {
  return d.simd && prefix(bytes[0]) && (!code32 || prefix(bytes[1]));
}

/// An operand-size prefix with another prefix behind it: Capstone then names strings and CBW as without it,
/// and does not know MOV with an offset.
bool size_prefix_lost(const u8* bytes, const Decoded& d) {
  bool behind = false;
  for (; prefix(*bytes); ++bytes) behind |= *bytes == 0x66 && prefix(bytes[1]) && bytes[1] != 0x66;
  const bool string = (d.opcode >= 0x6C && d.opcode <= 0x6F) || (d.opcode >= 0xA4 && d.opcode <= 0xAF);
  return behind && (string || d.opcode == 0x98 || d.opcode == 0x99 || (d.opcode >= 0xA0 && d.opcode <= 0xA3));
}

constexpr unsigned kInstructions = 13'000'000;  ///< random bytes, 16- and 32-bit code together

struct Tally {
  unsigned agreed = 0, neither = 0, newer = 0, illegal_lock = 0;
  std::map<std::string, unsigned> disagreements;

  /// Counts one, and shows the first of its kind.
  void disagree(const std::string& what, const u8* bytes) {
    if (disagreements[what]++) return;
    std::string text = what + ":";
    char hex[4];
    for (unsigned n = 0; n < 15; ++n, text += hex) std::snprintf(hex, sizeof hex, " %02x", bytes[n]);
    UNSCOPED_INFO(text);
  }
};

void compare(csh handle, const u8* bytes, bool code32, Tally& tally) {
  Decoded d;
  d.mode = code32 ? mode::kCode32 | mode::kStack32 : 0;
  const bool ours = decode(bytes, 15, code32, CpuModel::Pentium4, d) == DecodeStatus::Ok;
  cs_insn* insn = nullptr;
  const size_t count = cs_disasm(handle, bytes, 15, 0x1000, 1, &insn);
  if (count == 0) {
    if (ours && !decided_when_executed(d) && !size_prefix_lost(bytes, d))
      tally.disagree("only ours: " + std::string(mnemonic(d)), bytes);
    else
      tally.neither++;
    return;
  }
  const std::string theirs = normalised(insn->mnemonic);
  if (!ours) {
    if (newer_than_pentium4(*insn, insn->mnemonic))
      tally.newer++;
    else if (d.rep && d.row && d.row->operands[0] == Form::Simd)
      tally.neither++;  // reserved: Capstone ignores the prefix
    else if (d.lock)
      tally.illegal_lock++;  // Capstone does not know where LOCK is illegal
    else
      tally.disagree("only capstone: " + theirs, bytes);
  } else {
    const std::string name = normalised(std::string(mnemonic(d)));
    const bool monitor = d.opcode == 0x0F01 && d.mod == 3;
    // In 16-bit code Capstone gives CBW and CWD the names of their 32-bit forms, and the other way round.
    const bool swapped = !code32 && (d.opcode == 0x98 || d.opcode == 0x99);
    if (insn->size != d.length)
      tally.disagree("length: " + name + "/" + theirs, bytes);
    else if (!monitor && !swapped && !size_prefix_lost(bytes, d) &&
             !mandatory_prefix_lost(bytes, d, code32) && name != theirs)
      tally.disagree("name: " + name + "/" + theirs, bytes);
    else
      tally.agreed++;
  }
  cs_free(insn, count);
}

}  // namespace

TEST_CASE("the decoder agrees with Capstone over random bytes", "[oracle]") {
  const bool code32 = GENERATE(true, false);
  csh handle;
  REQUIRE(cs_open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &handle) == CS_ERR_OK);
  cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
  std::mt19937 random(1);
  Tally tally;
  for (unsigned n = 0; n < kInstructions / 2; ++n) {
    u8 bytes[16];
    for (u8& b : bytes) b = static_cast<u8>(random());
    if (n % 3 == 0) bytes[0] = 0x0F;
    compare(handle, bytes, code32, tally);
  }
  cs_close(&handle);
  UNSCOPED_INFO("agreed " << tally.agreed << ", newer than Pentium 4 " << tally.newer << ", neither "
                          << tally.neither);
  for (const auto& [what, count] : tally.disagreements) UNSCOPED_INFO(what << ": " << count);
  CHECK(tally.disagreements.empty());
  CHECK(tally.agreed > 5'000'000);
}

#else
TEST_CASE("the decoder agrees with Capstone over random bytes", "[oracle]") {
  RINGSIDE_SKIP("Capstone is not installed");
}
#endif
