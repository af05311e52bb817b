// The paravirtual interface under a hostile guest: hypercalls, shared pages, faults and execution, decided by
// the input.
#include <cstdio>
#include <cstdlib>

#include "tests/hypervisor/hostile_guest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringside::test::HostileGuest guest({data, size});
  const std::string wrong = guest.run();
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
