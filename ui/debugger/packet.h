// The framing of gdb's remote serial protocol: $data#checksum, acknowledgements, escapes.
// Manual: Debugging with GDB, appendix "GDB Remote Serial Protocol", section Overview.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/address.h"

namespace ringside::debugger {

inline constexpr std::size_t kLargestPacket = 0x4000;

/// "$" + escaped data + "#" + two hex digits.
std::string frame_packet(std::string_view data);

/// Takes a byte stream apart. Garbage between packets is skipped; a packet that is too long is dropped as
/// malformed.
class PacketReader {
 public:
  struct Item {
    enum class Kind : u8 { Packet, BadChecksum, Interrupt } kind;
    std::string data;
  };
  void feed(std::string_view bytes);
  std::optional<Item> next();

 private:
  std::string buffer_;
};

std::string to_hex(std::string_view bytes);
/// nullopt for an odd length or a non-digit.
std::optional<std::string> from_hex(std::string_view hex);
/// Hexadecimal number that must fill `text` whole; at most 16 digits.
std::optional<u64> parse_hex(std::string_view text);

}  // namespace ringside::debugger
