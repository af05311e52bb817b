#include "hypervisor/trap/ring_compression.h"

#include <algorithm>

namespace ringside {
namespace {

using namespace access_rights;

constexpr u32 kDplShift = 5;  // in access rights; 8 more in the high word of a descriptor

bool expands_down(u32 access) { return !(access & kCode) && access & kExpandDownOrConforming; }

/// The largest limit below the monitor, or nullopt if no limit helps.
std::optional<u32> cut_off(u32 access, u32 base, u32 limit) {
  if (base > kGuestTop) return std::nullopt;
  const u32 room = kGuestTop - base;
  if (expands_down(access)) {
    const u32 last = access & kBig ? ~u32{0} : 0xFFFFu;
    return last <= room ? std::optional(limit) : std::nullopt;
  }
  if (limit <= room) return limit;
  // With page granularity a limit ends in FFFh.
  return access & kGranularity && room >= kPageMask ? ((room + 1) & ~kPageMask) - 1 : room;
}

}  // namespace

SegmentRegister compress(const SegmentRegister& guest) {
  if (!guest.usable()) return guest;
  SegmentRegister real = guest;
  const auto limit = cut_off(guest.access, guest.base, guest.limit);
  if (!limit) {
    real.access = kUnusable;
    return real;
  }
  real.limit = *limit;
  real.access = (guest.access & ~(3u << kDplShift)) | u32{real_ring(guest.dpl())} << kDplShift;
  return real;
}

std::optional<Descriptor> compress(const Descriptor& guest) {
  if (!guest.present() || !guest.s() || !(guest.high & Descriptor::kAccessedBit)) return std::nullopt;
  const auto limit = cut_off(guest.access(), guest.base(), guest.limit());
  if (!limit) return std::nullopt;
  Descriptor real = guest;
  real.high = (guest.high & ~(3u << (kDplShift + 8))) | u32{real_ring(guest.dpl())} << (kDplShift + 8);
  if (*limit != guest.limit()) {
    // A limit below one page cannot be written with page granularity; byte granularity holds up to 1 MiB.
    const bool pages = *limit > 0xFFFFF;
    const u32 raw = pages ? *limit >> 12 : *limit;
    real.high = (real.high & ~0x8F0000u) | (pages ? 0x800000u : 0) | (raw & 0xF0000);
    real.low = (real.low & 0xFFFF0000u) | (raw & 0xFFFF);
  }
  return real;
}

SegmentRegister segment_of(u16 selector, const Descriptor& d) {
  return {.selector = selector, .access = d.access(), .base = d.base(), .limit = d.limit()};
}

SegmentRegister real_mode_segment(u16 selector) {
  return {.selector = selector,
          .access = kPresent | kS | 3u << kDplShift | kWritableOrReadable | kAccessed,
          .base = u32{selector} << 4,
          .limit = 0xFFFF};
}

}  // namespace ringside
