// The configuration space as firmware and kernels look for it.
#include "hypervisor/devices/pci.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

u32 configuration(Pci& pci, u8 device, u8 function, u8 at, unsigned size = 4) {
  pci.write(0, 0x80000000 | device << 11 | function << 8 | (at & 0xFC), 4);
  return pci.read(4 + (at & 3), size);
}

}  // namespace

TEST_CASE("Configuration mechanism 1 is found as Linux probes for it", "[pci]") {
  Pci pci;
  pci.write(3, 1, 1);  // a byte at CFBh is no address
  CHECK(pci.read(0, 4) == 0);
  pci.write(0, 0x80000000, 4);
  CHECK(pci.read(0, 4) == 0x80000000);
  CHECK(pci.read(0, 1) == 0xFF);
  CHECK(pci.read(4, 4) == 0x12378086);
  pci.write(0, 0x00000000, 4);  // not enabled
  CHECK(pci.read(4, 4) == 0xFFFFFFFF);
  CHECK(pci.read(4, 2) == 0xFFFF);
}

TEST_CASE("Bus 0 has a host bridge, an ISA bridge and an IDE function, and nothing else has anything",
          "[pci]") {
  Pci pci;
  unsigned found = 0;
  for (unsigned device = 0; device < 32; ++device)
    for (unsigned function = 0; function < 8; ++function)
      found += configuration(pci, static_cast<u8>(device), static_cast<u8>(function), 0) != 0xFFFFFFFF;
  CHECK(found == 3);
  CHECK(configuration(pci, 0, 0, 8) >> 16 == 0x0600);
  CHECK(configuration(pci, 1, 0, 8) >> 16 == 0x0601);
  CHECK(configuration(pci, 1, 1, 8) >> 8 == 0x010100);
  CHECK(configuration(pci, 1, 0, 0x0E, 1) == 0x80);
  CHECK(configuration(pci, 1, 1, 0x02, 2) == 0x7010);
  pci.write(0, 0x80010000, 4);  // bus 1
  CHECK(pci.read(4, 4) == 0xFFFFFFFF);
}

TEST_CASE("Commands are kept, addresses that do not exist are not", "[pci]") {
  Pci pci;
  configuration(pci, 1, 1, 4);
  pci.write(4, 0xFFFF, 2);
  CHECK(configuration(pci, 1, 1, 4) == 0x0107);
  CHECK(configuration(pci, 1, 0, 4) == 0);
  configuration(pci, 1, 1, 0x20);
  pci.write(4, 0xFFFFFFFF, 4);  // how the size of a base address is asked for
  CHECK(configuration(pci, 1, 1, 0x20) == 0);
  configuration(pci, 1, 1, 0x3C);
  pci.write(4, 14, 1);
  CHECK(configuration(pci, 1, 1, 0x3C, 1) == 14);
  pci.write(7, 0x12345678, 4);  // runs over the end of the window
  CHECK(pci.read(7, 4) >> 8 == 0xFFFFFF);
}

TEST_CASE("The reset control register resets", "[pci]") {
  Pci pci;
  pci.write(1, 0x02, 1);
  CHECK_FALSE(pci.state().reset_requested);
  pci.write(1, 0x06, 1);
  CHECK(pci.state().reset_requested);
}
