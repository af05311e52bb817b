#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

TEST_CASE("Text memory shows on the screen", "[devices]") {
  TestMachine m;
  const Vga& vga = m.devices().vga;
  CHECK(vga.row_text(0).empty());
  m.machine.mmio_write(GuestPhys(0xB8000), 0x1E691E48, 4);
  m.machine.mmio_write(GuestPhys(0xB8000 + 160), 0x0721, 2);
  CHECK(vga.row_text(0) == "Hi");
  CHECK(vga.row_text(1) == "!");
  CHECK(vga.cell(0, 1) == 0x1E69);
  CHECK(m.machine.mmio_read(GuestPhys(0xB8001), 2) == 0x691E);
  CHECK(m.machine.mmio_read(GuestPhys(0xA0000), 4) == 0xFFFFFFFF);
}

TEST_CASE("Cursor and start address", "[devices]") {
  TestMachine m;
  m.machine.port_out(0x3D4, 0x010E, 2);  // index and data in one access
  m.machine.port_out(0x3D4, 0x400F, 2);
  CHECK(m.devices().vga.cursor() == 0x140);
  m.machine.port_out(0x3D4, 0x500D, 2);  // scrolled by a row
  CHECK(m.devices().vga.cursor() == 0x140 - 80);
  m.machine.port_out(0x3D4, 0x200A, 2);
  CHECK(m.devices().vga.cursor() >= Vga::kRows * Vga::kColumns);
  m.out(0x3D4, 0x0F);
  CHECK(m.in(0x3D5) == 0x40);
}

TEST_CASE("Both retrace states are seen", "[devices]") {
  TestMachine m;
  bool seen[2] = {};
  for (int i = 0; i < 100; ++i, m.wait_microseconds(500)) seen[m.in(0x3DA) >> 3 & 1] = true;
  CHECK(seen[0]);
  CHECK(seen[1]);
}

TEST_CASE("The bus knows what is RAM and what is not", "[devices]") {
  TestMachine m;
  CHECK_FALSE(m.machine.is_mmio(GuestPhys(0)));
  CHECK_FALSE(m.machine.is_mmio(GuestPhys(0x9FFFF)));
  CHECK(m.machine.is_mmio(GuestPhys(0xA0000)));
  CHECK(m.machine.is_mmio(GuestPhys(0xBFFFF)));
  CHECK_FALSE(m.machine.is_mmio(GuestPhys(0xC0000)));
  CHECK_FALSE(m.machine.is_mmio(GuestPhys((4u << 20) - 1)));
  CHECK(m.machine.is_mmio(GuestPhys(4u << 20)));
  CHECK(m.machine.mmio_read(GuestPhys(0xFEE00000), 4) == 0xFFFFFFFF);
  CHECK(m.machine.port_in(0x1234, 4) == 0xFFFFFFFF);
  CHECK(m.machine.port_in(0x1234, 2) == 0xFFFF);
  m.machine.port_out(0xFFFF, 0x12345678, 4);  // wraps around port space, harmlessly
}

TEST_CASE("The port map has no overlaps and every row a device", "[devices]") {
  TestMachine m;
  std::vector<int> owners(kPortSpace);
  for (const PortRange& row : kPortMap) {
    INFO(row.name);
    REQUIRE(row.first + row.count <= static_cast<int>(kPortSpace));
    CHECK(m.devices().by_id(row.device) != nullptr);
    for (unsigned i = 0; i < row.count; ++i) CHECK(++owners[row.first + i] == 1);
  }
}

TEST_CASE("Saved devices go on as the originals", "[devices]") {
  TestMachine a({.console_input = "typed"});
  a.start_interrupt_controllers(3);
  a.machine.port_out(0x43, 0x34, 1);
  a.machine.port_out(0x40, 100, 1);
  a.machine.port_out(0x40, 0, 1);
  a.out(0x3F9, 1);
  a.wait_microseconds(777);
  a.machine.press_key(0x20);
  const auto saved = a.devices().save();
  TestMachine b;
  b.clock.cycles = a.clock.cycles;
  b.devices().restore(saved);
  CHECK(b.devices().save() == saved);
  for (TestMachine* m : {&a, &b}) {
    m->wait_microseconds(1234);
    m->in(0x60);
    m->in(0x3F8);
  }
  CHECK(a.devices().save() == b.devices().save());
  CHECK(a.machine.next_deadline() == b.machine.next_deadline());
}

TEST_CASE("Garbage on every port does no harm", "[devices]") {
  TestMachine m({.disk = make_memory_disk(std::vector<u8>(64 * 512))});
  u32 random = 12345;
  for (int i = 0; i < 300000; ++i) {
    random = random * 1664525 + 1013904223;
    const u16 port = static_cast<u16>(kPortMap[random >> 8 & 15].first + (random >> 16 & 7));
    const unsigned size = 1u << (random >> 24 & 3) % 3;
    if (random >> 31)
      m.machine.port_out(port, random * 2654435761u, size);
    else
      m.machine.port_in(port, size);
    if (i % 64 == 0) m.wait_microseconds(random >> 20 & 63);
    if (m.machine.interrupt_pending() && i % 3 == 0) m.machine.acknowledge_interrupt();
  }
  // Whatever was written, the devices' state is one that they accept back.
  auto saved = m.devices().save();
  saved.console_bytes = 0;  // the text itself is its owner's to keep
  TestMachine other({.disk = make_memory_disk(std::vector<u8>(64 * 512))});
  other.clock.cycles = m.clock.cycles;
  other.devices().restore(saved);
  CHECK(other.devices().save() == saved);
}
