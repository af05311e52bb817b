#include "ui/debugger/packet.h"

#include <fmt/format.h>

#include <charconv>
#include <numeric>

namespace ringside::debugger {
namespace {

u8 checksum(std::string_view data) {
  return std::accumulate(data.begin(), data.end(), u8{0},
                         [](u8 sum, char c) { return static_cast<u8>(sum + static_cast<u8>(c)); });
}

constexpr char kEscape = '}', kInterrupt = 3;

std::string unescape(std::string_view data) {
  std::string result;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == kEscape && i + 1 < data.size())
      result += static_cast<char>(data[++i] ^ 0x20);
    else
      result += data[i];
  }
  return result;
}

}  // namespace

std::string frame_packet(std::string_view data) {
  std::string escaped;
  for (char c : data) {
    if (c == '$' || c == '#' || c == kEscape || c == '*') {
      escaped += kEscape;
      escaped += static_cast<char>(c ^ 0x20);
    } else {
      escaped += c;
    }
  }
  return fmt::format("${}#{:02x}", escaped, checksum(escaped));
}

void PacketReader::feed(std::string_view bytes) { buffer_ += bytes; }

std::optional<PacketReader::Item> PacketReader::next() {
  while (!buffer_.empty()) {
    if (buffer_[0] == kInterrupt) {
      buffer_.erase(0, 1);
      return Item{Item::Kind::Interrupt, {}};
    }
    if (buffer_[0] != '$') {  // an acknowledgement, or noise
      buffer_.erase(0, 1);
      continue;
    }
    const std::size_t hash = buffer_.find('#');
    if (hash == std::string::npos || buffer_.size() < hash + 3) {
      if (buffer_.size() <= kLargestPacket) return std::nullopt;
      buffer_.clear();
      return Item{Item::Kind::BadChecksum, {}};
    }
    const std::string data = buffer_.substr(1, hash - 1);
    const auto sum = parse_hex(std::string_view(buffer_).substr(hash + 1, 2));
    buffer_.erase(0, hash + 3);
    if (!sum || *sum != checksum(data)) return Item{Item::Kind::BadChecksum, {}};
    return Item{Item::Kind::Packet, unescape(data)};
  }
  return std::nullopt;
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (char c : bytes) hex += fmt::format("{:02x}", static_cast<u8>(c));
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto value = parse_hex(hex.substr(i, 2));
    if (!value) return std::nullopt;
    bytes += static_cast<char>(*value);
  }
  return bytes;
}

std::optional<u64> parse_hex(std::string_view text) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace ringside::debugger
