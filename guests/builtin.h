// The guests that are part of the program, so that `ringside run hello` works in any folder.
//
// guests/ builds each image for i386; guests/builtin.cpp includes the files as bytes. The list is the
// registry: add a guest there (see guests/README.md).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside {

struct BuiltinGuest {
  std::string_view name;
  std::string_view description;  ///< one line
  /// Multiboot 1 ELF32.
  std::span<const std::uint8_t> image{};
  /// The same guest built for abi/paravirtual.h; empty = there is none.
  std::span<const std::uint8_t> paravirtual_image{};
  /// The disk that it boots with; empty = none.
  std::span<const std::uint8_t> disk{};
  /// It talks to a second machine, which runs the same guest.
  bool needs_peer = false;
};

/// In the order in which a list should show them.
std::span<const BuiltinGuest> builtin_guests();

/// nullptr if there is no guest of that name.
const BuiltinGuest* find_builtin_guest(std::string_view name);

/// Our BIOS (guests/bios/): a ROM that ends at 1 MiB, for images that start from a disk.
std::span<const std::uint8_t> bios();

}  // namespace ringside
