// A guest that computes: the x87 in each mode, with its state switched lazily and its errors reported.
#include "hypervisor/accounting/run_report.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

std::string console(const std::string& guest, Mode mode) {
  VmConfig config;
  config.mode = mode;
  config.host.ram_bytes = u64{4} << 20;
  VirtualMachine vm(load_image(std::string(RINGSIDE_BINARY_DIR) + "/tests/images/" + guest + ".bin"), config);
  const Ending ending = vm.run({.instructions = 10'000'000});
  INFO(vm.why());
  CHECK(ending == Ending::Success);
  return vm.host().machine.console();
}

}  // namespace

TEST_CASE("a guest that computes does so in every mode", "[float]") {
  // Square root of two, then an error by way of #MF and one by way of IRQ 13.
  CHECK(console("float", Mode::Native) == "N0141421356MI.");
  // Under a monitor CR0.NE is on whatever the guest believes: VT-x demands it, and trap-and-emulate gains by
  // it.
  CHECK(console("float", Mode::Hvm) == "N0141421356MM.");
  CHECK(console("float", Mode::Trap) == "N0141421356MM.");
}
