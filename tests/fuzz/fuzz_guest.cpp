// Hostile guests: any bytes as a flat binary, under any technique, for a bounded number of instructions.
//
// Whatever the guest does to descriptor tables, page tables, devices or itself, the run must end with an
// Ending, within its budget, and without touching anything outside the virtual machine (AddressSanitizer
// watches).

#include <cassert>
#include <cstdint>
#include <span>

#include "cpu/host_error.h"
#include "hypervisor/virtual_machine.h"

using namespace ringside;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr Mode kModes[] = {Mode::Native, Mode::Trap, Mode::Hvm};
  VmConfig config;
  config.mode = kModes[data[0] % 3];
  config.sensitive = data[0] & 0x80 ? SensitiveInstructions::Leak : SensitiveInstructions::Trap;
  config.host.ram_bytes = 4u << 20;
  config.host.machine.disk = make_memory_disk(std::span<const u8>());
  try {
    const Image image = parse_image("fuzz", std::span(data + 1, size - 1));
    VirtualMachine vm(image, config);
    constexpr u64 kBudget = 20'000;
    const Ending ending = vm.run({.instructions = kBudget});
    assert(ending == Ending::Budget || vm.ended());
    assert(vm.instructions() <= kBudget + 1);
    (void)ending;
  } catch (const HostError&) {
    // The bytes are no image.
  }
  return 0;
}
