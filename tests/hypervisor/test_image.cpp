#include <random>

#include "cpu/host_error.h"
#include "hypervisor/boot/image.h"
#include "tests/catch.h"
#include "tests/hypervisor/elf_builder.h"

using namespace ringside;
using test::ElfBuilder;
using test::ElfSegment;

namespace {

std::string refusal(const std::vector<u8>& bytes) {
  try {
    parse_image("guest", bytes);
  } catch (const HostError& e) {
    return e.what();
  }
  return "(accepted)";
}

struct Ram {
  explicit Ram(u64 bytes) : memory(bytes), ram(memory, MachinePhys(0), bytes) {}
  MachineMemory memory;
  GuestMemory ram;
  u32 word(u32 at) const { return ram.read<u32>(GuestPhys(at)).value(); }
  std::string text(u32 at) const { return reinterpret_cast<const char*>(ram.at(GuestPhys(at))); }
};

std::string boot_refusal(const Image& image, u64 ram_bytes) {
  Ram ram(ram_bytes);
  try {
    boot_bare(image, ram.ram, "");
  } catch (const HostError& e) {
    return e.what();
  }
  return "(accepted)";
}

std::vector<u8> boot_sector(std::size_t bytes = 512) {
  std::vector<u8> b(bytes);
  b[510] = 0x55;
  b[511] = 0xAA;
  return b;
}

}  // namespace

TEST_CASE("Files are recognised by the stated rule", "[image]") {
  CHECK(parse_image("k", ElfBuilder{}.build()).format == Image::Format::Multiboot);
  CHECK(parse_image("b", boot_sector()).format == Image::Format::BootSector);
  CHECK_FALSE(parse_image("b", boot_sector()).disk_image);
  const Image disk = parse_image("d", boot_sector(1024));
  CHECK(disk.format == Image::Format::BootSector);
  CHECK(disk.disk_image);
  CHECK(disk.segments[0].bytes.size() == 512);
  const Image flat = parse_image("f", std::vector<u8>(100, 0x90));
  CHECK(flat.format == Image::Format::Flat);
  CHECK(flat.entry == 0x100000);
  CHECK(parse_image("f", std::vector<u8>(1024, 0x90)).format == Image::Format::Flat);
  CHECK(parse_image("f", boot_sector(513)).format == Image::Format::Flat);
  CHECK(parse_image("f", std::vector<u8>{0x7F}).format == Image::Format::Flat);
}

TEST_CASE("A Multiboot ELF file is placed where it says", "[image]") {
  ElfBuilder b;
  b.segments.push_back(
      {.offset = 0x400, .vaddr = 0xC0200000, .paddr = 0x200000, .filesz = 16, .memsz = 4096});
  b.entry = 0xC0200004;
  b.bytes[0x400] = 0xAB;
  const Image image = parse_image("dir/my kernel", b.build());
  CHECK(image.entry == 0x200004);
  CHECK(image.end() == 0x201000);
  CHECK(image.bare);

  Ram ram(4u << 20);
  std::memset(ram.memory.data() + 0x200000, 0xFF, 4096);
  const CpuState s = boot_bare(image, ram.ram, "run=primes x");
  CHECK(s.eip == 0x200004);
  CHECK(s.gpr[EAX] == 0x2BADB002);
  CHECK((s.cr0 & (cr0::PE | cr0::PG)) == cr0::PE);
  CHECK_FALSE(s.eflags & eflags::IF);
  CHECK(ram.word(0x200000) == 0xAB);
  CHECK(ram.word(0x200FFC) == 0);
  CHECK(ram.word(0x100000) == 0x1BADB002);

  const u32 info = s.gpr[EBX];
  CHECK(ram.word(info) == (1 | 4 | 0x40 | 0x200));
  CHECK(ram.word(info + 4) == 639);
  CHECK(ram.word(info + 8) == 3072);
  CHECK(ram.text(ram.word(info + 16)) == "my_kernel run=primes x");
  CHECK(ram.text(ram.word(info + 64)) == "Ringside");
  u64 available = 0;
  const u32 map = ram.word(info + 48);
  for (u32 at = map; at < map + ram.word(info + 44); at += ram.word(at) + 4)
    if (ram.word(at + 20) == 1) available += ram.word(at + 12);
  CHECK(available == 0x9FC00 + (3u << 20));
}

TEST_CASE("Load addresses in the Multiboot header", "[image]") {
  std::vector<u8> b(256);
  const auto put = [&](std::size_t at, u32 v) { std::memcpy(&b[at], &v, 4); };
  const u32 fields[] = {0x1BADB002, 0x10000, 0u - 0x1BADB002 - 0x10000, 0x100004, 0x100000, 0x100080,
                        0x100200,   0x100020};
  for (int i = 0; i < 8; ++i) put(4 + 4 * i, fields[i]);
  const Image image = parse_image("k", b);
  REQUIRE(image.segments.size() == 1);
  CHECK(image.segments[0].physical == 0x100000);
  CHECK(image.segments[0].bytes.size() == 0x80);
  CHECK(image.segments[0].memory_bytes == 0x200);
  CHECK(image.entry == 0x100020);
  struct Row {
    int field;
    u32 value;
    const char* says;
  };
  for (const Row& row :
       {Row{3, 0x100000 - 1, "does not fit"}, Row{4, 0x100005, "does not fit"}, Row{5, 0x200000, "truncated"},
        Row{6, 0x100010, "bss end"}, Row{7, 0x100200, "entry point"}}) {
    std::vector<u8> saved = b;
    put(4 + 4 * row.field, row.value);
    INFO(refusal(b));
    CHECK_THAT(refusal(b), test::contains(row.says));
    b = saved;
  }
}

TEST_CASE("What cannot be a guest is refused with the remedy", "[image]") {
  struct Row {
    const char* name;
    void (*damage)(ElfBuilder&);
    const char* says;
  };
  const Row rows[] = {
      {"64-bit", [](ElfBuilder& b) { b.bytes[4] = 2; }, "-m32"},
      {"big-endian", [](ElfBuilder& b) { b.bytes[5] = 2; }, "little-endian"},
      {"another machine", [](ElfBuilder& b) { b.put16(18, 40); }, "machine 40"},
      {"relocatable", [](ElfBuilder& b) { b.put16(16, 1); }, "Link it"},
      {"truncated header", [](ElfBuilder& b) { b.bytes.resize(40); }, "truncated"},
      {"no program headers", [](ElfBuilder& b) { b.put16(44, 0); }, "no program headers"},
      {"absurd program header size", [](ElfBuilder& b) { b.put16(42, 7); }, "7 bytes"},
      {"program headers beyond the end", [](ElfBuilder& b) { b.put32(28, 0xFFFFFFF0); }, "truncated"},
      {"65535 program headers", [](ElfBuilder& b) { b.put16(44, 0xFFFF); }, "65535"},
      {"segment beyond the end", [](ElfBuilder& b) { b.put32(52 + 4, 0xFFFFFFFF); }, "truncated"},
      {"file larger than memory", [](ElfBuilder& b) { b.put32(52 + 20, 1); }, "damaged"},
      {"wraps around 4 GiB", [](ElfBuilder& b) { b.put32(52 + 12, 0xFFFFFFF0); }, "4 GiB"},
      {"nothing to load", [](ElfBuilder& b) { b.put32(52, 0); }, "no segment"},
      {"entry point outside", [](ElfBuilder& b) { b.put32(24, 0x5000000); }, "ENTRY"},
      {"unknown Multiboot flags",
       [](ElfBuilder& b) {
         b.put32(0x204, 0x103);
         b.put32(0x208, 0u - 0x1BADB002 - 0x103);
       },
       "100h"},
      {"no Multiboot header", [](ElfBuilder& b) { b.put32(0x200, 0); }, "without a Multiboot header"},
      {"Multiboot header with a wrong checksum", [](ElfBuilder& b) { b.put32(0x208, 1); },
       "without a Multiboot header"},
  };
  for (const Row& row : rows) {
    ElfBuilder b;
    b.build();
    row.damage(b);
    const std::string message = refusal(b.bytes);
    INFO(row.name << ": " << message);
    CHECK_THAT(message, test::contains(row.says));
    CHECK_THAT(message, test::contains("'guest'"));
  }
  CHECK_THAT(refusal({}), test::contains("empty"));
  CHECK_THAT(refusal(std::vector<u8>(512)), test::contains("signature"));
  CHECK_THAT(refusal(std::vector<u8>(1474560)), test::contains("signature"));

  ElfBuilder overlap;
  overlap.segments.push_back({.offset = 0x400, .vaddr = 0x100040, .paddr = 0x10007F});
  CHECK_THAT(refusal(overlap.build()), test::contains("overlap"));
}

TEST_CASE("What does not fit into the guest's RAM is refused at boot", "[image]") {
  ElfBuilder b;
  b.segments[0].memsz = 8u << 20;
  CHECK_THAT(boot_refusal(parse_image("k", b.build()), 4u << 20), test::contains("-m 9"));
  ElfBuilder screen;
  screen.segments[0].paddr = screen.segments[0].vaddr = 0x9FFF0;
  screen.entry = 0x9FFF0;
  CHECK_THAT(boot_refusal(parse_image("k", screen.build()), 4u << 20), test::contains("1 MiB"));
  CHECK_THAT(boot_refusal(parse_image("f", std::vector<u8>(100)), 1u << 20), test::contains("does not fit"));
}

TEST_CASE("Boot sectors start in real mode", "[image]") {
  Ram ram(1u << 20);
  const CpuState s = boot_bare(parse_image("b", boot_sector()), ram.ram, "");
  CHECK_FALSE(s.protected_mode());
  CHECK(s.seg[CS].base + s.eip == 0x7C00);
  CHECK(s.gpr[EDX] == 0x80);
  CHECK(ram.ram.read<u16>(GuestPhys(0x7DFE)) == 0xAA55);
}

TEST_CASE("Paravirtual notes", "[image]") {
  ElfBuilder b;
  b.multiboot = false;
  b.segments.push_back({.type = 4, .offset = 0x800, .filesz = 84, .memsz = 84});
  b.build();
  for (u32 i = 0; i < 3; ++i) {
    const std::size_t at = 0x800 + 28 * i;
    b.put32(at, 9);
    b.put32(at + 4, 4);
    b.put32(at + 8, i + 1);
    std::memcpy(&b.bytes[at + 12], "Ringside", 9);
    b.put32(at + 24, 0xC0100000 + i);
  }
  const Image image = parse_image("pv", b.bytes);
  REQUIRE(image.paravirtual.has_value());
  CHECK(image.paravirtual->entry == 0xC0100000);
  CHECK(image.paravirtual->virt_base == 0xC0100001);
  CHECK(image.paravirtual->hypercall_page == 0xC0100002);
  CHECK_FALSE(image.bare);
  CHECK_THAT(boot_refusal(image, 4u << 20), test::contains("--mode para"));
  b.put32(52 + 32 + 16, 56);
  CHECK_THAT(refusal(b.bytes), test::contains("RS_NOTE_HYPERCALL_PAGE"));
}

TEST_CASE("Missing files and folders are refused", "[image]") {
  CHECK_THROWS_WITH(load_image("/nonexistent/kernel"), test::contains("cannot be opened"));
  CHECK_THROWS_WITH(load_image("/tmp"), test::contains("not a regular file"));
  CHECK_THROWS_WITH(load_image("/dev/zero"), test::contains("not a regular file"));
}

TEST_CASE("No bytes upset the loader", "[image]") {
  ElfBuilder b;
  b.segments.push_back({.type = 4, .offset = 0x800, .filesz = 84, .memsz = 84});
  const std::vector<u8> seed = b.build();
  std::mt19937 random(42);
  unsigned accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    std::vector<u8> bytes = seed;
    for (u32 n = 1 + random() % 6; n > 0; --n) {
      const std::size_t at = random() % 3 ? random() % 0x80 : random() % bytes.size();
      bytes[at] = static_cast<u8>(random() % 2 ? random() : 0xFF * (random() % 2));
    }
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    try {
      const Image image = parse_image("fuzz", bytes);
      ++accepted;
      Ram ram(2u << 20);
      boot_bare(image, ram.ram, "x");
    } catch (const HostError&) {}
  }
  CHECK(accepted > 1000);
}
