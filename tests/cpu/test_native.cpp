// Random integer code, run by the simulated processor and by the host's: registers, defined flags, memory and
// faults must be the same.
#include "tests/cpu/differential.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// 0 where the host cannot judge.
u64 compare_with_host(u64 seed, u64 instructions) {
  const auto host = NativeJudge::start();
  if (!host) return 0;
  return compare(
      "host", [&](const Trial& t, const u8* code, u32 bytes) { return run_native(*host, t, code, bytes); },
      seed, instructions);
}

}  // namespace

TEST_CASE("random integer code agrees with the host's processor", "[native][oracle]") {
  const u64 agreed = compare_with_host(20240607, 10'000'000);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  INFO(agreed << " random instructions agree with the host's processor");
  REQUIRE(agreed >= 10'000'000);
}

TEST_CASE("a billion random instructions agree with the host's processor", "[.long]") {
  const u64 agreed = compare_with_host(1, 1'000'000'000);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  WARN(agreed << " random instructions agree with the host's processor");
}
