// Random integer code on the simulated processor and on a judge: registers, defined flags, memory and faults
// must be the same.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <sstream>

#include "tests/cpu/bare_core.h"
#include "tests/cpu/native_judge.h"
#include "tests/cpu/random_code.h"

namespace ringside::test {

struct Trial {
  JudgedState start;
  std::vector<u8> data, stack;
};

struct TrialResult {
  JudgedState state;
  std::vector<u8> data, stack;
  u64 instructions = 0;
};

/// The flags that are compared.
constexpr u32 kComparedFlags = eflags::kArithmetic | eflags::DF;

inline Trial make_trial(std::mt19937_64& random) {
  Trial t;
  for (u32& r : t.start.gpr) r = static_cast<u32>(random());
  t.start.gpr[ESP] = RandomCode::kStackMiddle;
  t.start.eflags = eflags::kFixedOne | eflags::IF | (static_cast<u32>(random()) & eflags::kArithmetic);
  for (auto* page : {&t.data, &t.stack}) {
    page->resize(kPageSize);
    for (u32 at = 0; at < kPageSize; at += 8) {
      const u64 word = random();
      std::memcpy(page->data() + at, &word, sizeof word);
    }
  }
  return t;
}

/// The simulated processor in VMX non-root operation, where exceptions and HLT come back as exits.
class Simulated {
 public:
  explicit Simulated(CpuConfig config = {})
      : memory_(RandomCode::kCode + RandomCode::kRegion), cpu_(memory_, bus_, config) {
    vmcs_.enable_ept = false;
    vmcs_.exception_bitmap = ~0u;
    cpu_.set_vmcs(&vmcs_);
  }

  TrialResult run(const Trial& t, const u8* code, u32 bytes) {
    auto put = [&](u32 at, const u8* from, u32 n) {
      std::memcpy(memory_.data() + at, from, n);
      cpu_.memory_written(MachinePhys(at), n);
    };
    std::vector<u8> wanted(code, code + bytes);
    wanted.push_back(0xF4);  // HLT
    if (wanted != code_) {   // the same code on another state stays decoded
      put(RandomCode::kCode, wanted.data(), bytes + 1);
      code_ = std::move(wanted);
    }
    put(RandomCode::kData, t.data.data(), kPageSize);
    put(RandomCode::kStack, t.stack.data(), kPageSize);
    cpu_.state() = flat_protected_state(RandomCode::kCode);
    cpu_.state().cr0 |= cr0::NE;  // a numeric error is #MF, as it is to the host
    if (cpu_.config().model >= CpuModel::Pentium3) cpu_.state().cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
    cpu_.state().gpr = t.start.gpr;
    cpu_.state().eflags = t.start.eflags;
    const u64 before = cpu_.retired();
    const CpuExit exit = cpu_.run(100000);
    TrialResult r;
    r.instructions = cpu_.retired() - before;
    r.state.gpr = cpu_.state().gpr;
    r.state.eflags = cpu_.state().eflags;
    r.state.eip = cpu_.state().eip;
    if (std::holds_alternative<exits::Hlt>(exit))
      r.state.vector = JudgedState::kEnd;
    else if (const auto* e = std::get_if<exits::ExceptionOrNmi>(&exit))
      r.state.vector = e->event.vector;
    else
      r.state.vector = 0x1000 + static_cast<u32>(exit.index());
    const u8* m = memory_.data();
    r.data.assign(m + RandomCode::kData, m + RandomCode::kData + kPageSize);
    r.stack.assign(m + RandomCode::kStack, m + RandomCode::kStack + kPageSize);
    return r;
  }

 private:
  MachineMemory memory_;
  BenchBus bus_;
  Cpu cpu_;
  Vmcs vmcs_;
  std::vector<u8> code_;
};

inline TrialResult run_native(NativeJudge& judge, const Trial& t, const u8* code, u32 bytes) {
  u8* m = judge.memory();
  std::memcpy(m, code, bytes);
  std::memcpy(m + (RandomCode::kData - RandomCode::kCode), t.data.data(), kPageSize);
  std::memcpy(m + (RandomCode::kStack - RandomCode::kCode), t.stack.data(), kPageSize);
  TrialResult r;
  r.state = t.start;
  if (!judge.run(r.state, bytes)) r.state.vector = 0x2000;
  m += RandomCode::kData - RandomCode::kCode;
  r.data.assign(m, m + kPageSize);
  m += RandomCode::kStack - RandomCode::kData;
  r.stack.assign(m, m + kPageSize);
  return r;
}

/// The first difference in words; empty if there is none. After a fault the flags are not compared: the last
/// instruction that set them may have left some undefined.
inline std::string difference(const TrialResult& ours, const TrialResult& theirs, const std::string& judge) {
  std::ostringstream out;
  out << std::hex;
  if (ours.state.vector != theirs.state.vector)
    out << "ended by " << ours.state.vector << ", " << judge << " " << theirs.state.vector << "; ";
  const bool faulted = theirs.state.vector != JudgedState::kEnd;
  if (faulted && ours.state.eip != theirs.state.eip)
    out << "eip " << ours.state.eip << ", " << judge << " " << theirs.state.eip << "; ";
  static const char* const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
  for (u32 i = 0; i < 8; i++)
    if (ours.state.gpr[i] != theirs.state.gpr[i])
      out << names[i] << ' ' << ours.state.gpr[i] << ", " << judge << " " << theirs.state.gpr[i] << "; ";
  if (!faulted && ((ours.state.eflags ^ theirs.state.eflags) & kComparedFlags))
    out << "flags " << (ours.state.eflags & kComparedFlags) << ", " << judge << " "
        << (theirs.state.eflags & kComparedFlags) << "; ";
  if (ours.data == theirs.data && ours.stack == theirs.stack) return out.str();
  for (u32 i = 0; i < kPageSize; i++) {
    if (ours.data[i] != theirs.data[i]) out << "data+" << i << "; ";
    if (ours.stack[i] != theirs.stack[i]) out << "stack+" << i << "; ";
  }
  return out.str();
}

/// Runs the first `bytes` of the code on the judge.
using Judge = std::function<TrialResult(const Trial&, const u8* code, u32 bytes)>;
/// Whether a difference is one of the judge's known faults, given the unit of code that brings it out and
/// what the simulated processor made of it.
using KnownFault =
    std::function<bool(const std::vector<u8>& unit, const TrialResult& ours, const std::string& what)>;

constexpr u64 kStatesForOneCode = 4;

/// Compares until `instructions` have agreed, or names the first unit of code after which they do not.
inline u64 compare(
    const char* name, const Judge& judge, u64 seed, u64 instructions,
    const KnownFault& known = [](const auto&, const auto&, const auto&) { return false; }) {
  Simulated simulated;
  std::mt19937_64 random(seed);
  u64 done = 0;
  std::optional<RandomCode> chosen;
  for (u64 n = 0; done < instructions; n++) {
    if (n % kStatesForOneCode == 0) chosen.emplace(random(), 60);
    const RandomCode& code = *chosen;
    const Trial trial = make_trial(random);
    TrialResult ours;
    auto differ = [&](u32 bytes) {
      ours = simulated.run(trial, code.bytes.data(), bytes);
      return difference(ours, judge(trial, code.bytes.data(), bytes), name);
    };
    const std::string whole = differ(static_cast<u32>(code.bytes.size()));
    if (whole.empty()) {
      done += ours.instructions;
      continue;
    }
    u32 begin = 0;
    bool explained = false;
    for (u32 end : code.unit_ends) {
      const std::string what = differ(end);
      if (what.empty()) {
        begin = end;
        continue;
      }
      const std::vector<u8> bytes(code.bytes.begin() + begin, code.bytes.begin() + end);
      explained = known(bytes, ours, what);
      if (explained) break;
      std::ostringstream unit;
      unit << std::hex;
      for (u32 byte : bytes) unit << (byte < 16 ? "0" : "") << byte << ' ';
      FAIL("seed " << seed << ", trial " << n << ", code " << unit.str() << ": " << what);
    }
    if (!explained)
      FAIL("seed " << seed << ", trial " << n << ": differs as a whole, but no prefix does: " << whole);
  }
  return done;
}

}  // namespace ringside::test
