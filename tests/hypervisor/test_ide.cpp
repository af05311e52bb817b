#include <cstring>

#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {

constexpr u16 kBase = 0x1F0, kControl = 0x3F6;

std::vector<u8> numbered(u32 sectors) {
  std::vector<u8> bytes(sectors * 512);
  for (u32 i = 0; i < sectors; ++i) std::memcpy(&bytes[i * 512], &i, 4);
  return bytes;
}

struct Disk : TestMachine {
  explicit Disk(u32 sectors = 4096, bool second = false)
      : TestMachine({.disk = make_memory_disk(numbered(sectors)),
                     .second_disk = second ? make_memory_disk(numbered(64)) : nullptr}) {
    start_interrupt_controllers(3);
  }
  u8 status() { return in(0x3F6); }  // the alternate one: no side effect
  void command(u8 value, u32 lba = 0, u8 count = 1, u8 device = 0xE0) {
    out(kBase + 2, count);
    out(kBase + 3, lba & 0xFF);
    out(kBase + 4, lba >> 8 & 0xFF);
    out(kBase + 5, lba >> 16 & 0xFF);
    out(kBase + 6, device | (lba >> 24 & 15));
    out(kBase + 7, value);
  }
  /// Waits for the interrupt, takes it, and reads the status as a driver does.
  u8 interrupt() {
    wait_microseconds(100);
    REQUIRE(machine.interrupt_pending());
    REQUIRE(machine.acknowledge_interrupt() == 0x2E);
    return in(kBase + 7);
  }
  u32 first_word_of_sector() {
    u32 first = machine.port_in(kBase, 4);
    for (int i = 1; i < 128; ++i) machine.port_in(kBase, 4);
    return first;
  }
};

}  // namespace

TEST_CASE("IDENTIFY describes the disk", "[devices]") {
  Disk d;
  d.command(0xEC);
  CHECK(d.status() == 0x80);
  CHECK(d.interrupt() == 0x58);
  u16 w[256];
  for (u16& x : w) x = static_cast<u16>(d.machine.port_in(kBase, 2));
  CHECK((w[60] | w[61] << 16) == 4096);
  CHECK(w[1] == 4);
  CHECK(w[3] == 16);
  CHECK(w[6] == 63);
  CHECK((w[49] & 0x200) != 0);
  CHECK((w[27] >> 8) == 'R');
  CHECK(d.status() == 0x50);
}

TEST_CASE("Sectors are read one interrupt each, or a block each", "[devices]") {
  struct Row {
    u8 command, multiple;
    u8 count;
    u32 lba;
    unsigned interrupts;
  };
  for (const Row& row :
       {Row{0x20, 0, 1, 7, 1}, Row{0x20, 0, 5, 100, 5}, Row{0xC4, 4, 10, 200, 3}, Row{0xC4, 16, 16, 0, 1}}) {
    Disk d;
    if (row.multiple) {
      d.command(0xC6, 0, row.multiple);
      CHECK(d.interrupt() == 0x50);
    }
    d.command(row.command, row.lba, row.count);
    u32 sector = row.lba;
    unsigned interrupts = 0;
    for (unsigned left = row.count; left > 0;) {
      REQUIRE(d.interrupt() == 0x58);
      ++interrupts;
      const unsigned block = row.multiple ? std::min<unsigned>(row.multiple, left) : 1;
      for (unsigned i = 0; i < block; ++i) CHECK(d.first_word_of_sector() == sector++);
      left -= block;
    }
    CHECK(interrupts == row.interrupts);
    CHECK(d.status() == 0x50);
    CHECK(d.in(kBase + 2) == 0);
    CHECK(d.in(kBase + 3) == ((row.lba + row.count - 1) & 0xFF));
    d.wait_microseconds(1000);
    CHECK_FALSE(d.machine.interrupt_pending());
  }
}

TEST_CASE("An access that is larger than what the block has left stays within it", "[devices]") {
  for (const bool multiple : {false, true}) {
    Disk d;
    const u32 bytes = (multiple ? 16 : 1) * 512;
    if (multiple) {
      d.command(0xC6, 0, 16);
      d.interrupt();
    }
    d.command(multiple ? 0xC4 : 0x20, 0, multiple ? 16 : 1);
    d.interrupt();
    d.machine.port_in(kBase, 2);
    for (u32 at = 2; at < bytes; at += 4) d.machine.port_in(kBase, 4);
    CHECK(d.machine.devices().ide.state().at == bytes);
    CHECK(d.status() == 0x50);

    d.command(multiple ? 0xC5 : 0x30, 0, multiple ? 16 : 1);
    d.machine.port_out(kBase, 0, 2);
    for (u32 at = 2; at < bytes; at += 4) d.machine.port_out(kBase, ~0u, 4);
    CHECK(d.machine.devices().ide.state().at == bytes);
    CHECK(d.interrupt() == 0x50);
  }
}

TEST_CASE("What is written is read back", "[devices]") {
  Disk d;
  d.command(0x30, 300, 2);
  CHECK(d.status() == 0x58);
  CHECK_FALSE(d.machine.interrupt_pending());
  for (u32 i = 0; i < 128; ++i) d.machine.port_out(kBase, 0xAAAA0000 + i, 4);
  CHECK(d.status() == 0x80);
  CHECK(d.interrupt() == 0x58);
  for (u32 i = 0; i < 256; ++i) d.machine.port_out(kBase, 0xBB00 + i, 2);
  CHECK(d.interrupt() == 0x50);
  d.command(0x20, 300, 2);
  CHECK(d.interrupt() == 0x58);
  CHECK(d.first_word_of_sector() == 0xAAAA0000);
  CHECK(d.interrupt() == 0x58);
  CHECK(d.first_word_of_sector() == 0xBB01BB00);
}

TEST_CASE("CHS addresses name the same sectors", "[devices]") {
  Disk d;
  d.out(kBase + 2, 1);
  d.out(kBase + 3, 10);  // sector
  d.out(kBase + 4, 2);   // cylinder
  d.out(kBase + 5, 0);
  d.out(kBase + 6, 0xA3);  // head 3
  d.out(kBase + 7, 0x20);
  CHECK(d.interrupt() == 0x58);
  CHECK(d.first_word_of_sector() == (2 * 16 + 3) * 63 + 9);
}

TEST_CASE("Errors are reported as the standard says", "[devices]") {
  struct Row {
    const char* name;
    u8 command;
    u32 lba;
    u8 count, features, device, error;
  };
  const Row rows[] = {
      {"unknown command", 0xFF, 0, 1, 0, 0xE0, 0x04},
      {"NOP", 0x00, 0, 1, 0, 0xE0, 0x04},
      {"packet identify on a disk", 0xA1, 0, 1, 0, 0xE0, 0x04},
      {"read beyond the end", 0x20, 4096, 1, 0, 0xE0, 0x10},
      {"write beyond the end", 0x30, 0x0FFFFFFF, 1, 0, 0xE0, 0x10},
      {"verify across the end", 0x40, 4090, 16, 0, 0xE0, 0x10},
      {"CHS sector 0", 0x20, 0, 1, 0, 0xA0, 0x10},
      {"multiple without SET MULTIPLE", 0xC4, 0, 1, 0, 0xE0, 0x04},
      {"SET MULTIPLE 3", 0xC6, 0, 3, 0, 0xE0, 0x04},
      {"SET MULTIPLE 32", 0xC6, 0, 32, 0, 0xE0, 0x04},
      {"DMA mode", 0xEF, 0, 0x20, 0x03, 0xE0, 0x04},
  };
  for (const Row& row : rows) {
    Disk d;
    INFO(row.name);
    d.out(kBase + 1, row.features);
    d.command(row.command, row.lba, row.count, row.device);
    CHECK(d.interrupt() == 0x51);
    CHECK(d.in(kBase + 1) == row.error);
    d.command(0x20, 1);  // and the drive goes on
    CHECK(d.interrupt() == 0x58);
  }
}

TEST_CASE("A transfer that runs over the end fails at the sector that is missing", "[devices]") {
  Disk d;
  d.command(0x20, 4095, 2);
  CHECK(d.interrupt() == 0x58);
  CHECK(d.first_word_of_sector() == 4095);
  CHECK(d.interrupt() == 0x51);
  CHECK(d.in(kBase + 1) == 0x10);
}

TEST_CASE("Soft reset, nIEN and absent drives", "[devices]") {
  Disk d;
  d.out(kControl, 2);  // nIEN
  d.command(0x20, 5);
  d.wait_microseconds(100);
  CHECK(d.status() == 0x58);
  CHECK_FALSE(d.machine.interrupt_pending());
  d.out(kControl, 4);
  CHECK(d.status() == 0x80);
  d.out(kControl, 0);
  d.wait_microseconds(Ide::kResetMicroseconds);
  CHECK(d.status() == 0x50);
  CHECK(d.in(kBase + 1) == 1);
  CHECK(d.in(kBase + 2) == 1);
  CHECK(d.in(kBase + 3) == 1);
  CHECK(d.in(kBase + 4) == 0);

  d.out(kBase + 6, 0xF0);  // there is no second drive
  CHECK(d.status() == 0);
  d.out(kBase + 7, 0xEC);
  CHECK(d.status() == 0);

  TestMachine none;
  CHECK(none.in(kBase + 7) == 0xFF);
  none.out(kBase + 7, 0xEC);
  CHECK(none.in(kControl) == 0xFF);
  CHECK(none.machine.port_in(kBase, 2) == 0xFFFF);

  Disk two(4096, true);
  two.command(0x20, 63, 1, 0xF0);
  CHECK(two.interrupt() == 0x58);
  CHECK(two.first_word_of_sector() == 63);
  two.command(0x20, 64, 1, 0xF0);
  CHECK(two.interrupt() == 0x51);
}
