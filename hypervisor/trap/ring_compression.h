// Ring compression: four rings for the guest out of the three that the monitor leaves over.
//
// Modelled: guest ring 0 runs in ring 1, guest rings 1 and 2 in ring 2, guest ring 3 in ring 3. Segments that
// the guest may use have their DPL moved likewise and their limit cut off below the monitor, which hides from
// ring 1 (supervisor to the page tables) behind segmentation. Simplified: guest rings 1 and 2 are not
// protected from each other. A segment that cannot be cut off, because it expands down or begins inside the
// monitor, is loaded as unusable and every access through it is emulated. Manual: Intel SDM vol. 3 ch. 3 and
// 5; Robin & Irvine 2000, section 3 (ring aliasing).
#pragma once

#include <optional>

#include "cpu/descriptor.h"

namespace ringside {

/// The highest linear address that a guest's segment may reach.
inline constexpr u32 kGuestTop = 0xFFBFFFFF;

constexpr u8 real_ring(u32 guest_ring) { return guest_ring == 0 ? 1 : guest_ring == 3 ? 3 : 2; }

/// A selector as CS or SS must hold it: with the real ring in place of the guest's RPL.
constexpr u16 compress_selector(u16 selector, u32 guest_ring) {
  return static_cast<u16>((selector & ~3u) | real_ring(guest_ring));
}

/// What the hidden part of a segment register becomes. Null and unusable segments stay as they are.
SegmentRegister compress(const SegmentRegister& guest);

/// The descriptor for a shadow table, or nullopt where the processor must not load it on its own: absent, a
/// gate or another system descriptor, not yet accessed, or not to be cut off.
std::optional<Descriptor> compress(const Descriptor& guest);

/// The hidden part that loading `descriptor` gives.
SegmentRegister segment_of(u16 selector, const Descriptor& descriptor);
/// A real-mode or virtual-8086 segment.
SegmentRegister real_mode_segment(u16 selector);

}  // namespace ringside
