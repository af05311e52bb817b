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

#define FILE_BYTES(symbol) std::span<const std::uint8_t>(symbol##_begin, symbol##_end)

namespace ringside {

std::span<const BuiltinGuest> builtin_guests() {
  static const std::array guests{
      BuiltinGuest{"hello",
                   "a page of assembly: greets on the serial port and switches off",
                   FILE_BYTES(guest_hello),
                   {},
                   {}},
  };
  return guests;
}

const BuiltinGuest* find_builtin_guest(std::string_view name) {
  for (const BuiltinGuest& guest : builtin_guests())
    if (guest.name == name) return &guest;
  return nullptr;
}

}  // namespace ringside
