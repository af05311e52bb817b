// Random integer code, run by the simulated processor and by the host's: registers, defined flags, memory and
// faults must be the same.
#include <algorithm>
#include <cstring>
#include <sstream>

#include "tests/cpu/bare_core.h"
#include "tests/cpu/native_judge.h"
#include "tests/cpu/random_code.h"

using namespace ringside;
using namespace ringside::test;

namespace {

struct Trial {
  JudgedState start;
  std::vector<u8> data, stack;
};

struct Result {
  JudgedState state;
  std::vector<u8> data, stack;
  u64 instructions = 0;
};

constexpr u32 kPage = 4096;
constexpr u32 kFlags = eflags::kArithmetic | eflags::DF;

Trial make_trial(std::mt19937_64& random) {
  Trial t;
  for (u32& r : t.start.gpr) r = static_cast<u32>(random());
  t.start.gpr[ESP] = RandomCode::kStackMiddle;
  t.start.eflags = eflags::kFixedOne | eflags::IF | (static_cast<u32>(random()) & eflags::kArithmetic);
  for (auto* page : {&t.data, &t.stack}) {
    page->resize(kPage);
    for (u8& byte : *page) byte = static_cast<u8>(random());
  }
  return t;
}

/// The simulated processor in VMX non-root operation, where exceptions and HLT come back as exits.
class Simulated {
 public:
  Simulated() : memory_(RandomCode::kCode + RandomCode::kRegion), cpu_(memory_, bus_) {
    vmcs_.enable_ept = false;
    vmcs_.exception_bitmap = ~0u;
    cpu_.set_vmcs(&vmcs_);
  }

  Result run(const Trial& t, const u8* code, u32 bytes) {
    auto put = [&](u32 at, const u8* from, u32 n) {
      std::memcpy(memory_.data() + at, from, n);
      cpu_.memory_written(MachinePhys(at), n);
    };
    put(RandomCode::kCode, code, bytes);
    const u8 hlt = 0xF4;
    put(RandomCode::kCode + bytes, &hlt, 1);
    put(RandomCode::kData, t.data.data(), kPage);
    put(RandomCode::kStack, t.stack.data(), kPage);
    cpu_.state() = flat_protected_state(RandomCode::kCode);
    cpu_.state().gpr = t.start.gpr;
    cpu_.state().eflags = t.start.eflags;
    const u64 before = cpu_.retired();
    const CpuExit exit = cpu_.run(100000);
    Result r;
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
    r.data.assign(m + RandomCode::kData, m + RandomCode::kData + kPage);
    r.stack.assign(m + RandomCode::kStack, m + RandomCode::kStack + kPage);
    return r;
  }

 private:
  MachineMemory memory_;
  BenchBus bus_;
  Cpu cpu_;
  Vmcs vmcs_;
};

Result run_native(NativeJudge& judge, const Trial& t, const u8* code, u32 bytes) {
  u8* m = judge.memory();
  std::memcpy(m, code, bytes);
  std::memcpy(m + (RandomCode::kData - RandomCode::kCode), t.data.data(), kPage);
  std::memcpy(m + (RandomCode::kStack - RandomCode::kCode), t.stack.data(), kPage);
  Result r;
  r.state = t.start;
  if (!judge.run(r.state, bytes)) r.state.vector = 0x2000;
  m += RandomCode::kData - RandomCode::kCode;
  r.data.assign(m, m + kPage);
  m += RandomCode::kStack - RandomCode::kData;
  r.stack.assign(m, m + kPage);
  return r;
}

/// The first difference in words; empty if there is none. After a fault the flags are not compared: the last
/// instruction that set them may have left some undefined.
std::string difference(const Result& ours, const Result& theirs) {
  std::ostringstream out;
  out << std::hex;
  if (ours.state.vector != theirs.state.vector)
    out << "ended by " << ours.state.vector << ", host " << theirs.state.vector << "; ";
  const bool faulted = theirs.state.vector != JudgedState::kEnd;
  if (faulted && ours.state.eip != theirs.state.eip)
    out << "eip " << ours.state.eip << ", host " << theirs.state.eip << "; ";
  static const char* const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
  for (u32 i = 0; i < 8; i++)
    if (ours.state.gpr[i] != theirs.state.gpr[i])
      out << names[i] << ' ' << ours.state.gpr[i] << ", host " << theirs.state.gpr[i] << "; ";
  if (!faulted && ((ours.state.eflags ^ theirs.state.eflags) & kFlags))
    out << "flags " << (ours.state.eflags & kFlags) << ", host " << (theirs.state.eflags & kFlags) << "; ";
  for (u32 i = 0; i < kPage; i++) {
    if (ours.data[i] != theirs.data[i]) out << "data+" << i << "; ";
    if (ours.stack[i] != theirs.stack[i]) out << "stack+" << i << "; ";
  }
  return out.str();
}

/// Compares until `instructions` have agreed, or names the first unit of code after which they do not.
u64 compare(u64 seed, u64 instructions) {
  const auto judge = NativeJudge::start();
  if (!judge) return 0;
  Simulated simulated;
  std::mt19937_64 random(seed);
  u64 done = 0;
  for (u64 n = 0; done < instructions; n++) {
    const RandomCode code(random(), 60);
    const Trial trial = make_trial(random);
    auto differ = [&](u32 bytes, u64& retired) {
      const Result ours = simulated.run(trial, code.bytes.data(), bytes);
      retired = ours.instructions;
      return difference(ours, run_native(*judge, trial, code.bytes.data(), bytes));
    };
    u64 retired;
    if (differ(static_cast<u32>(code.bytes.size()), retired).empty()) {
      done += retired;
      continue;
    }
    u32 begin = 0;
    for (u32 end : code.unit_ends) {
      u64 unused;
      const std::string what = differ(end, unused);
      if (what.empty()) {
        begin = end;
        continue;
      }
      std::ostringstream unit;
      unit << std::hex;
      for (u32 i = begin; i < end; i++) unit << (code.bytes[i] < 16 ? "0" : "") << u32{code.bytes[i]} << ' ';
      FAIL("seed " << seed << ", trial " << n << ", code " << unit.str() << ": " << what);
    }
    FAIL("seed " << seed << ", trial " << n << ": differs as a whole, but no prefix does");
  }
  return done;
}

}  // namespace

TEST_CASE("random integer code agrees with the host's processor", "[native][oracle]") {
  const u64 agreed = compare(20240607, 10'000'000);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  INFO(agreed << " random instructions agree with the host's processor");
  REQUIRE(agreed >= 10'000'000);
}

TEST_CASE("a billion random instructions agree with the host's processor", "[.long]") {
  const u64 agreed = compare(1, 1'000'000'000);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  WARN(agreed << " random instructions agree with the host's processor");
}
