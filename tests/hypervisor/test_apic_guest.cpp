// A guest that takes its interrupts through local and I/O APIC, under every technique that has them.
#include "hypervisor/snapshot.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

VmConfig config_of(Mode mode, CpuModel model = CpuModel::P6) {
  VmConfig config;
  config.mode = mode;
  config.host.ram_bytes = 4u << 20;
  config.host.cpu.model = model;
  return config;
}

Image guest() { return load_image(std::string(RINGSIDE_BINARY_DIR) + "/tests/images/apic.bin"); }

}  // namespace

TEST_CASE("A guest with local and I/O APIC sees the same in every mode", "[apic]") {
  for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
    INFO(name(mode));
    VirtualMachine vm(guest(), config_of(mode));
    const Ending ending = vm.run({.instructions = 50'000'000});
    INFO(vm.why());
    CHECK(ending == Ending::Success);
    CHECK(vm.host().machine.console() == "CTIPHLO.");
  }
}

TEST_CASE("The APICs' interrupts come at the same instructions after going back", "[apic]") {
  for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
    INFO(name(mode));
    VirtualMachine vm(guest(), config_of(mode));
    vm.run({.instructions = 3'000'000});
    REQUIRE_FALSE(vm.ended());
    const auto saved = vm.save(nullptr);
    REQUIRE(saved);
    const auto finish = [&] {
      vm.run({.instructions = 50'000'000});
      return std::pair(vm.instructions(), vm.host().now());
    };
    const auto first = finish();
    vm.restore(*saved);
    CHECK(finish() == first);
    CHECK(vm.host().machine.console() == "CTIPHLO.");
  }
}

TEST_CASE("Where there is no local APIC, nothing promises one", "[apic]") {
  const auto base = [](const VmConfig& config) {
    VirtualMachine vm(guest(), config);
    return vm.host().cpu.state().apic_base;
  };
  CHECK(base(config_of(Mode::Native, CpuModel::I486)) == 0);
  CHECK(base(config_of(Mode::Native, CpuModel::Pentium)) != 0);
}
