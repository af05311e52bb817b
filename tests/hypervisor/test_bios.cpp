// The BIOS from inside: a boot sector asks its services, in every mode that starts in real mode.
#include <cstring>
#include <random>

#include "guests/builtin.h"
#include "hypervisor/machine_layout.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;
using ringside::test::contains;

namespace {

/// A disk whose first sector is `boot` and whose sector n is filled with the word n.
std::vector<u8> disk_with(const Image& boot, u32 sectors) {
  std::vector<u8> disk(std::size_t{sectors} * kSectorBytes);
  for (std::size_t at = 0; at < disk.size(); at += 2) {
    const u16 n = static_cast<u16>(at / kSectorBytes);
    std::memcpy(&disk[at], &n, 2);
  }
  const std::vector<u8>& first = boot.segments.front().bytes;
  std::copy(first.begin(), first.end(), disk.begin());
  return disk;
}

struct Started {
  Started(Image image, const std::vector<u8>& disk, Mode mode = Mode::Native) {
    image.firmware.assign(bios().begin(), bios().end());
    VmConfig config;
    config.mode = mode;
    config.host.ram_bytes = u64{4} << 20;
    if (!disk.empty()) config.host.machine.disk = make_memory_disk(disk);
    vm = std::make_unique<VirtualMachine>(image, config);
  }
  const std::string& console() const { return vm->host().machine.console(); }
  std::unique_ptr<VirtualMachine> vm;
};

Image boot_sector(const char* name = "boot_bios") {
  return load_image(std::string(RINGSIDE_BINARY_DIR) + "/tests/images/" + name + ".bin");
}

}  // namespace

TEST_CASE("A boot sector gets right answers from every BIOS service", "[bios]") {
  struct Row {
    u32 sectors;
    const char* answers;
  };
  for (const Row& row : {Row{200, "abcdefghij"}, Row{2880, "abcdeghij"}})  // a floppy is not read by packet
    for (Mode mode : {Mode::Native, Mode::Hvm, Mode::Trap}) {
      INFO(row.sectors << " sectors, " << name(mode));
      Started guest(boot_sector(), disk_with(boot_sector(), row.sectors), mode);
      guest.vm->run({.instructions = 1'000'000});
      for (u8 code : {0x25, 0xA5}) guest.vm->host().machine.press_key(code);
      const Ending ending = guest.vm->run({.instructions = 30'000'000});
      INFO(guest.vm->why());
      CHECK(guest.console() == row.answers);
      CHECK(ending == Ending::Success);
      CHECK(guest.vm->host().machine.devices().vga.row_text(0) == row.answers);
    }
}

TEST_CASE("A disk from which nothing starts ends the run with the reason", "[bios]") {
  const Image boot = boot_sector();
  const auto outcome = [&](const std::vector<u8>& disk) {
    Started guest(boot, disk);
    CHECK(guest.vm->run({.instructions = 10'000'000}) == Ending::Died);
    return guest.console();
  };
  CHECK_THAT(outcome({}), contains("no disk"));
  CHECK_THAT(outcome(std::vector<u8>(kSectorBytes)), contains("no boot sector"));
  std::vector<u8> gives_up(kSectorBytes);
  gives_up[0] = 0xCD;  // INT 18h
  gives_up[1] = 0x18;
  gives_up[510] = 0x55;
  gives_up[511] = 0xAA;
  CHECK_THAT(outcome(gives_up), contains("found no system"));
  gives_up[0] = 0x0F;  // UD2
  gives_up[1] = 0x0B;
  CHECK_THAT(outcome(gives_up), contains("does not have, at 0000:7C00"));
}

TEST_CASE("The A20 gate is open after power-on, and closed it wraps addresses around", "[bios]") {
  for (Mode mode : {Mode::Native, Mode::Hvm}) {
    INFO(name(mode));
    Started guest(boot_sector("boot_a20"), disk_with(boot_sector("boot_a20"), 200), mode);
    const Ending ending = guest.vm->run({.instructions = 10'000'000});
    INFO(guest.vm->why());
    CHECK(guest.console() == "11001010");
    CHECK(ending == Ending::Success);
  }
}

TEST_CASE("Partition tables that point outside the disk end in an error that the guest sees", "[bios]") {
  const Image boot = boot_sector("boot_partition");
  struct Row {
    const char* what;
    u32 sectors, lba;
    u8 head, sector, cylinder;
    const char* says;
  };
  const Row rows[] = {
      {"the second sector", 100, 1, 0, 2, 0, "LL"},
      {"the last sector", 100, 99, 1, 37, 0, "LL"},
      {"one behind the end", 100, 100, 1, 38, 0, "EE"},
      {"a disk of one sector", 1, 1, 0, 2, 0, "EE"},
      {"the boot sector itself, on a disk of one sector", 1, 0, 0, 1, 0, "LL"},
      {"the highest numbers that there are", 100, 0xFFFFFFFF, 255, 0xFF, 0xFF, "EE"},
      {"no such sector, and address 0", 100, 0, 0, 0, 0, "LE"},
  };
  for (const Row& row : rows)
    for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
      INFO(row.what << ", " << name(mode));
      std::vector<u8> disk = disk_with(boot, row.sectors);
      disk[446 + 1] = row.head;
      disk[446 + 2] = row.sector;
      disk[446 + 3] = row.cylinder;
      std::memcpy(&disk[446 + 8], &row.lba, 4);
      disk[510] = 0x55;
      disk[511] = 0xAA;
      Started guest(boot, disk, mode);
      CHECK(guest.vm->run({.instructions = 10'000'000}) == Ending::Success);
      CHECK(guest.console() == row.says);
    }
}

TEST_CASE("Random boot sectors end in their own death, in the BIOS or at their budget", "[bios]") {
  std::mt19937 random(8);
  for (int i = 0; i < 24; ++i) {
    std::vector<u8> disk(4 * kSectorBytes);
    for (u8& byte : disk) byte = static_cast<u8>(random());
    // So that more than the first instructions get somewhere: calls of the BIOS in between.
    for (std::size_t at = 16; at < 500; at += 32) disk[at] = 0xCD, disk[at + 1] = random() % 2 ? 0x13 : 0x10;
    disk[510] = 0x55;
    disk[511] = 0xAA;
    for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
      INFO(i << ", " << name(mode));
      Started guest(parse_image("random", std::vector<u8>(disk.begin(), disk.begin() + kSectorBytes)), disk,
                    mode);
      const Ending ending = guest.vm->run({.instructions = 200'000});
      CHECK((ending == Ending::Budget || !guest.vm->why().empty() || ending == Ending::Success));
    }
  }
}

TEST_CASE("Firmware needs memory to lie in", "[bios]") {
  Image image = boot_sector();
  image.firmware.assign(bios().begin(), bios().end());
  constexpr u64 kRam = 512u << 10;
  MachineMemory memory(kRam);
  GuestMemory ram(memory, MachinePhys(0), kRam);
  CHECK_THROWS_WITH(boot_bare(image, ram, ""), contains("1 MiB"));
}
