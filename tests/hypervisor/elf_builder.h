// Small ELF32 images made in memory, so that each of their fields can be made wrong.
#pragma once

#include <cstring>
#include <vector>

#include "cpu/address.h"

namespace ringside::test {

struct ElfSegment {
  u32 type = 1, offset = 0, vaddr = 0x100000, paddr = 0x100000, filesz = 64, memsz = 128, flags = 7,
      align = 4096;
};

/// Header, program headers, then a Multiboot header at 200h and zeroes up to 1000h.
struct ElfBuilder {
  std::vector<u8> bytes = std::vector<u8>(0x1000);
  std::vector<ElfSegment> segments{ElfSegment{.offset = 0x200}};
  u32 entry = 0x100010;
  u32 multiboot_flags = 3;
  bool multiboot = true;

  void put32(std::size_t at, u32 v) { std::memcpy(&bytes[at], &v, 4); }
  void put16(std::size_t at, u16 v) { std::memcpy(&bytes[at], &v, 2); }

  std::vector<u8>& build() {
    static constexpr u8 kIdent[] = {0x7F, 'E', 'L', 'F', 1, 1, 1};
    std::memcpy(bytes.data(), kIdent, sizeof kIdent);
    put16(16, 2);  // executable
    put16(18, 3);  // i386
    put32(20, 1);
    put32(24, entry);
    put32(28, 52);  // program headers
    put16(40, 52);
    put16(42, 32);
    put16(44, static_cast<u16>(segments.size()));
    for (std::size_t i = 0; i < segments.size(); ++i) std::memcpy(&bytes[52 + 32 * i], &segments[i], 32);
    if (multiboot) {
      put32(0x200, 0x1BADB002);
      put32(0x204, multiboot_flags);
      put32(0x208, 0u - 0x1BADB002 - multiboot_flags);
    }
    return bytes;
  }
};

}  // namespace ringside::test
