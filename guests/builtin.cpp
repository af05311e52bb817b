#include "guests/builtin.h"

#include <array>

// Each file becomes read-only data between two symbols. RINGSIDE_GUEST_FOLDER is where CMake put the images.
#define INCLUDE_FILE(symbol, file)                               \
  asm(".section .rodata\n"                                       \
      ".balign 16\n" #symbol                                     \
      "_begin:\n"                                                \
      ".incbin \"" RINGSIDE_GUEST_FOLDER "/" file "\"\n" #symbol \
      "_end:\n"                                                  \
      ".previous\n");                                            \
  extern "C" const std::uint8_t symbol##_begin[], symbol##_end[];

INCLUDE_FILE(guest_hello, "hello.elf")
INCLUDE_FILE(guest_sensitive, "sensitive.elf")
INCLUDE_FILE(guest_nanobench, "nanobench.elf")
INCLUDE_FILE(guest_pagetables, "pagetables.elf")
INCLUDE_FILE(guest_diskio, "diskio.elf")
INCLUDE_FILE(guest_netio, "netio.elf")
INCLUDE_FILE(guest_netio_paravirtual, "netio-pv.elf")
INCLUDE_FILE(guest_kernel, "kernel.elf")
INCLUDE_FILE(guest_kernel_paravirtual, "kernel-pv.elf")
INCLUDE_FILE(guest_kernel_disk, "kernel-disk.img")
INCLUDE_FILE(guest_bios, "bios.bin")

#define FILE_BYTES(symbol) std::span<const std::uint8_t>(symbol##_begin, symbol##_end)

namespace ringside {

std::span<const BuiltinGuest> builtin_guests() {
  static std::array<std::uint8_t, 4u << 20> blank_disk{};
  static const std::array guests{
      BuiltinGuest{
          .name = "hello",
          .description = "a page of assembly: greets on the serial port and switches off",
          .image = FILE_BYTES(guest_hello),
      },
      BuiltinGuest{
          .name = "sensitive",
          .description = "tries each sensitive and privileged instruction in rings 0, 1 and 3",
          .image = FILE_BYTES(guest_sensitive),
      },
      BuiltinGuest{
          .name = "nanobench",
          .description = "what one system call, fault, port read or page-table write costs, in cycles",
          .image = FILE_BYTES(guest_nanobench),
      },
      BuiltinGuest{
          .name = "pagetables",
          .description = "edits its page tables at random and adds up what it sees: the same everywhere",
          .image = FILE_BYTES(guest_pagetables),
      },
      BuiltinGuest{
          .name = "diskio",
          .description =
              "moves blocks of any size between memory and disk, many at a time: bs=, depth=, count=",
          .image = FILE_BYTES(guest_diskio),
          .disk = blank_disk,
      },
      BuiltinGuest{
          .name = "netio",
          .description = "two machines exchange messages over a network: load=rr|bulk, bs=, depth=, count=",
          .image = FILE_BYTES(guest_netio),
          .paravirtual_image = FILE_BYTES(guest_netio_paravirtual),
          .needs_peer = true,
      },
      BuiltinGuest{
          .name = "kernel",
          .description = "a small Unix-like kernel with processes, paging, pipes, a disk and a shell",
          .image = FILE_BYTES(guest_kernel),
          .paravirtual_image = FILE_BYTES(guest_kernel_paravirtual),
          .disk = FILE_BYTES(guest_kernel_disk),
      },
  };
  return guests;
}

const BuiltinGuest* find_builtin_guest(std::string_view name) {
  for (const BuiltinGuest& guest : builtin_guests())
    if (guest.name == name) return &guest;
  return nullptr;
}

std::span<const std::uint8_t> bios() { return FILE_BYTES(guest_bios); }

}  // namespace ringside
