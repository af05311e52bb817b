// The image loaders against arbitrary files: whatever is accepted must also boot or be refused, within RAM.
#include "cpu/host_error.h"
#include "hypervisor/boot/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  constexpr u64 kRam = 4u << 20;
  try {
    Image image = parse_image("fuzz", {data, size});
    if (size % 2) image.modules.push_back({"module", {data, data + size}});
    MachineMemory memory(kRam);
    GuestMemory ram(memory, MachinePhys(0), kRam);
    boot_bare(image, ram, "command line");
  } catch (const HostError&) {}
  return 0;
}
