// Where the fields of Ethernet, ARP, IPv4, UDP and TCP lie in a frame, and how to change them.
// Specification: RFC 826 (ARP), RFC 791 (IPv4), RFC 768 (UDP), RFC 9293 (TCP), RFC 1624 (checksums).
#pragma once

#include <algorithm>

#include "hypervisor/network/port.h"

namespace ringside::packet {

inline constexpr u16 kTypeIpv4 = 0x0800, kTypeArp = 0x0806;
inline constexpr u8 kTcp = 6, kUdp = 17;
inline constexpr std::size_t kTo = 0, kFrom = 6, kType = 12, kIp = kFrameHeader;

// -- ARP, from the start of the frame
inline constexpr std::size_t kArpOperation = 20, kArpSenderStation = 22, kArpSender = 28, kArpTarget = 38,
                             kArpEnd = 42;
inline constexpr u16 kArpRequest = 1, kArpReply = 2;
// -- IPv4, from the start of the frame
inline constexpr std::size_t kLength = kIp + 2, kFragment = kIp + 6, kTtl = kIp + 8, kProtocol = kIp + 9,
                             kHeaderChecksum = kIp + 10, kSource = kIp + 12, kDestination = kIp + 16;

inline u16 get16(const Frame& f, std::size_t at) { return static_cast<u16>(f[at] << 8 | f[at + 1]); }
inline u32 get32(const Frame& f, std::size_t at) { return u32{get16(f, at)} << 16 | get16(f, at + 2); }
inline void put16(Frame& f, std::size_t at, u16 value) {
  f[at] = static_cast<u8>(value >> 8);
  f[at + 1] = static_cast<u8>(value);
}
inline void put32(Frame& f, std::size_t at, u32 value) {
  put16(f, at, static_cast<u16>(value >> 16));
  put16(f, at + 2, static_cast<u16>(value));
}
inline StationAddress station(const Frame& f, std::size_t at) {
  StationAddress a;
  std::copy_n(f.begin() + static_cast<std::ptrdiff_t>(at), a.size(), a.begin());
  return a;
}
inline void put_station(Frame& f, std::size_t at, const StationAddress& a) {
  std::copy(a.begin(), a.end(), f.begin() + static_cast<std::ptrdiff_t>(at));
}

/// Of `bytes` (even) from `at` on: 0 for a header whose checksum is right.
inline u16 checksum(const Frame& f, std::size_t at, std::size_t bytes) {
  u32 sum = 0;
  for (std::size_t i = 0; i < bytes; i += 2) sum += get16(f, at + i);
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<u16>(~sum);
}

/// What a checksum becomes when 16 bits of what it covers change (RFC 1624, equation 3).
inline u16 updated(u16 checksum, u16 before, u16 after) {
  u32 sum = u32{static_cast<u16>(~checksum)} + static_cast<u16>(~before) + after;
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<u16>(~sum);
}

}  // namespace ringside::packet
