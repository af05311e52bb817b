// The Linux boot protocol, on small images whose header fields can be made wrong one by one.
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/boot/image.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

constexpr u64 kMiB = 1u << 20;

/// A kernel of protocol 2.15: one setup sector, a page of code at 1 MiB that unpacks to [16 MiB, 17 MiB).
struct Kernel {
  std::vector<u8> bytes = std::vector<u8>(1024 + 4096, 0x90);
  Kernel() {
    std::fill(bytes.begin(), bytes.begin() + 1024, u8{0});
    put<u8>(0x1F1, 1);
    put<u32>(0x1F4, 256);
    put<u16>(0x1FE, 0xAA55);
    put<u8>(0x200, 0xEB);
    put<u8>(0x201, 0x6A);
    std::memcpy(&bytes[0x202], "HdrS", 4);
    put<u16>(0x206, 0x20F);
    put<u8>(0x211, 1);
    put<u32>(0x214, 0x100000);
    put<u32>(0x22C, 0x7FFFFFFF);
    put<u32>(0x230, 0x1000000);
    put<u8>(0x234, 1);
    put<u32>(0x238, 2047);
    put<u64>(0x258, 0x1000000);
    put<u32>(0x260, 0x100000);
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(&bytes[at], &value, sizeof value);
  }
};

struct Booted {
  Booted(const Image& image, u64 ram_bytes, const std::string& command_line)
      : memory(ram_bytes),
        ram(memory, MachinePhys(0), ram_bytes),
        state(boot_bare(image, ram, command_line)) {}
  MachineMemory memory;
  GuestMemory ram;
  CpuState state;
  u32 word(u32 at) const { return ram.read<u32>(GuestPhys(at)).value(); }
  u8 byte(u32 at) const { return ram.read<u8>(GuestPhys(at)).value(); }
};

std::string refusal(const Kernel& kernel, u64 ram_bytes = 32 * kMiB, std::size_t disk = 0,
                    const std::string& command_line = {}) {
  try {
    Image image = parse_image("guest", kernel.bytes);
    if (disk) image.modules.push_back({"initrd", std::vector<u8>(disk)});
    Booted(image, ram_bytes, command_line);
  } catch (const HostError& e) {
    return e.what();
  }
  return "(accepted)";
}

}  // namespace

TEST_CASE("A bzImage gets its zero page", "[image]") {
  Image image = parse_image("dir/vmlinuz", Kernel{}.bytes);
  REQUIRE(image.format == Image::Format::Linux);
  image.modules.push_back({"initrd", std::vector<u8>(5000, 0xCD)});
  const Booted guest(image, 32 * kMiB, "console=ttyS0 quiet");

  // 32-bit entry: flat segments 10h and 18h out of a table that is really there, interrupts and paging off.
  const CpuState& s = guest.state;
  CHECK(s.eip == 0x100000);
  CHECK(s.seg[CS].selector == 0x10);
  CHECK(s.seg[DS].selector == 0x18);
  CHECK((s.cr0 & (cr0::PE | cr0::PG)) == cr0::PE);
  CHECK_FALSE(s.eflags & eflags::IF);
  CHECK(s.gpr[EBP] + s.gpr[EDI] + s.gpr[EBX] == 0);
  CHECK(guest.word(s.gdtr.base + 0x14) == 0x00CF9B00);
  CHECK(guest.word(s.gdtr.base + 0x1C) == 0x00CF9300);
  CHECK(guest.word(0x100000) == 0x90909090);

  const u32 zero_page = s.gpr[ESI];
  CHECK(std::memcmp(guest.ram.at(GuestPhys(zero_page + 0x202), 4), "HdrS", 4) == 0);
  CHECK(guest.byte(zero_page + 0x210) == 0xFF);
  CHECK(guest.byte(zero_page + 0x211) == 0x81);
  CHECK(guest.byte(zero_page + 6) == 3);
  CHECK(guest.byte(zero_page + 7) == 80);
  CHECK(std::string(reinterpret_cast<const char*>(
            guest.ram.at(GuestPhys(guest.word(zero_page + 0x228)), 32))) == "console=ttyS0 quiet");

  const u32 disk = guest.word(zero_page + 0x218);
  CHECK(guest.word(zero_page + 0x21C) == 5000);
  CHECK(disk % 4096 == 0);
  CHECK(disk + 5000 > 32 * kMiB - 4096);
  CHECK(guest.byte(disk) == 0xCD);

  u64 available = 0;
  for (u32 i = 0; i < guest.byte(zero_page + 0x1E8); ++i)
    if (guest.word(zero_page + 0x2D0 + 20 * i + 16) == 1)
      available += guest.word(zero_page + 0x2D0 + 20 * i + 8);
  CHECK(available == 0x9FC00 + 31 * kMiB);
}

TEST_CASE("Linux kernels that cannot boot are refused with the remedy", "[image]") {
  struct Row {
    const char* name;
    void (*damage)(Kernel&);
    const char* says;
  };
  const Row rows[] = {
      {"the end is missing", [](Kernel& k) { k.bytes.resize(k.bytes.size() - 100); }, "truncated"},
      {"only the setup is there", [](Kernel& k) { k.bytes.resize(1024); }, "truncated"},
      {"the header is cut off", [](Kernel& k) { k.bytes.resize(0x220); }, "truncated"},
      {"cut off behind the signature", [](Kernel& k) { k.bytes.resize(0x206); }, "truncated"},
      {"more setup than file", [](Kernel& k) { k.put<u8>(0x1F1, 255); }, "truncated"},
      {"an absurd size", [](Kernel& k) { k.put<u32>(0x1F4, 0xFFFFFFFF); }, "truncated"},
      {"an old protocol", [](Kernel& k) { k.put<u16>(0x206, 0x201); }, "2.01"},
      {"loads low", [](Kernel& k) { k.put<u8>(0x211, 0); }, "bzImage"},
      {"the entry point lies outside", [](Kernel& k) { k.put<u32>(0x214, 0x102000); }, "entry point 102000h"},
      {"it unpacks beyond RAM", [](Kernel& k) { k.put<u32>(0x260, 0x40000000); }, "-m 1056"},
      {"it wants to be above 4 GiB", [](Kernel& k) { k.put<u64>(0x258, 0xFFFFFFFFFFFFFFFF); }, "above 4 GiB"},
  };
  for (const Row& row : rows) {
    Kernel kernel;
    row.damage(kernel);
    const std::string message = refusal(kernel);
    INFO(row.name << ": " << message);
    CHECK_THAT(message, test::contains(row.says));
    CHECK_THAT(message, test::contains("'guest'"));
  }
  CHECK(refusal(Kernel{}) == "(accepted)");
  CHECK_THAT(refusal(Kernel{}, 16 * kMiB), test::contains("-m 33"));
  CHECK(refusal(Kernel{}, 32 * kMiB, 15 * kMiB) == "(accepted)");
  CHECK_THAT(refusal(Kernel{}, 32 * kMiB, 15 * kMiB + 1), test::contains("does not fit into RAM"));
  CHECK_THAT(refusal(Kernel{}, 32 * kMiB, 33 * kMiB), test::contains("does not fit into RAM"));
  CHECK_THAT(refusal(Kernel{}, 32 * kMiB, 0, std::string(2048, 'x')), test::contains("at most 2047"));
  Kernel low_disk;
  low_disk.put<u32>(0x22C, 0x10FFFFF);
  CHECK_THAT(refusal(low_disk, 32 * kMiB, 100), test::contains("highest address"));
}

TEST_CASE("Multiboot modules follow the kernel and are listed", "[image]") {
  std::vector<u8> kernel(256);
  const u32 header[] = {0x1BADB002, 0x10000, 0u - 0x1BADB002 - 0x10000, 0x100000, 0x100000, 0, 0, 0x100020};
  std::memcpy(kernel.data(), header, sizeof header);
  Image image = parse_image("kernel", kernel);
  image.modules = {{"one a=1", std::vector<u8>(5000, 1)}, {"two", std::vector<u8>(3, 2)}};
  const Booted guest(image, 2 * kMiB, "");
  const u32 info = guest.state.gpr[EBX];
  CHECK(guest.word(info) & 8);
  REQUIRE(guest.word(info + 20) == 2);
  const u32 list = guest.word(info + 24);
  CHECK(guest.word(list) == 0x101000);
  CHECK(guest.word(list + 4) == 0x101000 + 5000);
  CHECK(std::string(reinterpret_cast<const char*>(guest.ram.at(GuestPhys(guest.word(list + 8)), 8))) ==
        "one a=1");
  CHECK(guest.word(list + 16) == 0x103000);
  CHECK(guest.byte(guest.word(list + 16) + 2) == 2);
  image.modules[1].bytes.resize(kMiB);
  CHECK_THROWS_WITH(Booted(image, 2 * kMiB, ""), test::contains("module 'two'"));
}

TEST_CASE("Only kernels that can find a module take one", "[image]") {
  Image flat = parse_image("flat", std::vector<u8>(10));
  CHECK_THROWS_WITH(load_modules(flat, "x"), test::contains("has no way to find"));
  Image kernel = parse_image("vmlinuz", Kernel{}.bytes);
  CHECK_THROWS_WITH(load_modules(kernel, "/nonexistent/initrd"), test::contains("cannot be opened"));
}
