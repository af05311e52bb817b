// Random hostile guests, the same ones every time. tests/fuzz/fuzz_hypercall.cpp searches for worse ones.
#include <random>

#include "tests/catch.h"
#include "tests/hypervisor/hostile_guest.h"

namespace ringside::test {
namespace {

TEST_CASE("hostile paravirtual guests stay in their machine", "[para]") {
  std::mt19937 random(1974);
  const int guests = RINGSIDE_SANITIZED ? 1200 : 3000;
  int survivors = 0;
  for (int i = 0; i < guests; ++i) {
    std::vector<u8> script(200 + random() % 4000);
    for (u8& b : script) b = static_cast<u8>(random());
    HostileGuest guest(script);
    const std::string wrong = guest.run();
    if (!wrong.empty()) FAIL("guest " << i << ": " << wrong);
    survivors += guest.alive();
  }
  // Most end themselves; if all did the series would be too short to reach anything.
  CHECK(survivors > 0);
}

}  // namespace
}  // namespace ringside::test
