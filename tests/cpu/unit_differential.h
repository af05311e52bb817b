// Single instructions on many states, by the simulated processor and the host's: each unit of code loads a
// state from the data page, executes one instruction, and saves what became of it to a slot of its own.
#pragma once

#include <cstdio>
#include <string>

#include "tests/cpu/differential.h"
#include "tests/cpu/float_operands.h"

namespace ringside::test {

/// Layout of the data page: images of states, a slot for each unit, operands in memory.
struct UnitLayout {
  u32 images, image_bytes, slots, operands, operand_bytes;

  u32 image(u32 n) const { return n * image_bytes; }
  u32 slot(u32 n) const { return (images + n) * image_bytes; }
};

class UnitCode {
 public:
  std::vector<u8> bytes;
  std::vector<std::string> names;

  void b(u32 v) { bytes.push_back(static_cast<u8>(v)); }
  void d(u32 v) { b(v), b(v >> 8), b(v >> 16), b(v >> 24); }
  /// ModRM with an operand at `at` in the data page.
  void memory(u32 reg, u32 at) { b(reg << 3 | 5), d(RandomCode::kData + at); }
  void setcc(u32 condition, u32 at) { b(0x0F), b(0x90 | condition), memory(0, at); }
};

inline std::string hex(const u8* p, u32 n) {
  std::string text;
  char digits[4];
  for (u32 i = 0; i < n; ++i, text += digits) std::snprintf(digits, sizeof digits, "%02x", p[i]);
  return text;
}

/// Which unit differs, from what, and how.
inline std::string explain(const UnitLayout& layout, const UnitCode& code, const Trial& t,
                           const TrialResult& ours, const TrialResult& theirs) {
  const auto both = [&](u32 at, u32 n) {
    return "\n  ours  " + hex(&ours.data[at], n) + "\n  host  " + hex(&theirs.data[at], n);
  };
  std::string text;
  for (u32 k = 0; k < layout.images; ++k)
    text += "\n  state " + hex(&t.data[layout.image(k)], layout.image_bytes);
  for (u32 n = 0; n < layout.slots; ++n)
    if (std::memcmp(&ours.data[layout.slot(n)], &theirs.data[layout.slot(n)], layout.image_bytes) != 0)
      return code.names[n] + text + both(layout.slot(n), layout.image_bytes);
  for (u32 at = layout.operands; at < kPageSize; at += 16)
    if (std::memcmp(&ours.data[at], &theirs.data[at], 16) != 0)
      return "memory " + std::to_string(at) + both(at, 16) + text;
  return "registers or flags" + text;
}

/// Compares until `instructions` have agreed; 0 where the host cannot judge.
/// `scrub` makes equal in a slot what the manual leaves open after the instruction of that name.
template <class MakeCode, class Fill, class Scrub>
u64 compare_units(const UnitLayout& layout, CpuConfig config, u64 seed, u64 instructions, MakeCode make_code,
                  Fill fill, Scrub scrub) {
  constexpr u64 kStatesForOneUnitCode = 8;
  const auto host = NativeJudge::start();
  if (!host) return 0;
  Simulated simulated(config);
  std::mt19937_64 random(seed);
  UnitCode code;
  u64 done = 0;
  for (u64 n = 0; done < instructions; ++n, done += layout.slots) {
    if (n % kStatesForOneUnitCode == 0) code = make_code(random);
    Trial t = make_trial(random);
    std::fill(t.data.begin(), t.data.end(), u8{0});
    fill(t, random);
    const u32 bytes = static_cast<u32>(code.bytes.size());
    TrialResult ours = simulated.run(t, code.bytes.data(), bytes);
    TrialResult theirs = run_native(*host, t, code.bytes.data(), bytes);
    for (TrialResult* r : {&ours, &theirs})
      for (u32 s = 0; s < layout.slots; ++s) scrub(code.names[s], r->data.data() + layout.slot(s));
    const std::string what = difference(ours, theirs, "host");
    if (!what.empty())
      FAIL("seed " << seed << ", trial " << n << ": " << what.substr(0, 120) << "\n"
                   << explain(layout, code, t, ours, theirs));
  }
  return done;
}

}  // namespace ringside::test
