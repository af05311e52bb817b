// Reaching descriptors by selector, and the checks that segment loads, far transfers, interrupts and task
// switches have in common. Not for use outside cpu/.
// Manual: Intel SDM vol. 3 sections 3.4 (descriptors), 5.5-5.8 (privilege checks), 6.13 (error code).
#pragma once

#include "cpu/core.h"

namespace ringside {

/// A descriptor and where it lies.
struct Slot {
  Descriptor d;
  LinearAddr at;

  bool code() const { return d.s() && (d.type() & 8); }
  bool conforming() const { return code() && (d.type() & 4); }
  bool readable() const { return d.s() && (!(d.type() & 8) || (d.type() & 2)); }
  bool writable_data() const { return d.s() && (d.type() & 0xA) == 2; }
};

/// Types of system descriptors; the 32-bit forms have bit 3 set.
namespace system_type {
inline constexpr u32 kTss16 = 1, kLdt = 2, kTss16Busy = 3, kCallGate16 = 4, kTaskGate = 5,
                     kInterruptGate16 = 6, kTrapGate16 = 7, kTss32 = 9, kTss32Busy = 11, kCallGate32 = 12,
                     kInterruptGate32 = 14, kTrapGate32 = 15;
inline constexpr u32 kBusy = 2, k32 = 8;
}  // namespace system_type

/// Fields of a gate.
inline u16 gate_selector(const Descriptor& d) { return static_cast<u16>(d.low >> 16); }
inline u32 gate_offset(const Descriptor& d) {
  return (d.type() & system_type::k32 ? d.high & 0xFFFF0000u : 0) | (d.low & 0xFFFF);
}

inline bool null_selector(u16 selector) { return (selector & ~3) == 0; }
/// The error code that names a selector. `ext` is 1 while an event from outside the program is being
/// delivered.
inline u32 selector_error(u16 selector, u32 ext = 0) { return (selector & ~3u) | ext; }

/// Reads the descriptor. `inside` is false if the selector lies beyond its table; false is returned only if
/// reading faults.
bool find_descriptor(Core&, u16 selector, Slot&, bool& inside);
/// The same, raising `vector` with the selector's error code when it lies beyond its table.
bool fetch_descriptor(Core&, u16 selector, u8 vector, u32 ext, Slot&);
/// Sets the accessed bit in memory and in `slot` if it is clear.
bool mark_accessed(Core&, Slot&);
bool set_busy(Core&, Slot&, bool busy);

/// A segment register's content for that selector and descriptor.
SegmentRegister segment_register(u16 selector, const Descriptor&);
/// What a segment register holds after a load in real or virtual-8086 mode.
void load_real_mode_segment(Core&, Seg, u16 selector);
void load_null_segment(SegmentRegister&, u16 selector);
/// In real and virtual-8086 mode: #GP if execution is to go on past the limit of CS.
inline bool check_real_mode_eip(Core& core, u32 eip) {
  return eip <= (core.s.virtual_8086() ? 0xFFFF : core.s.seg[CS].limit) || core.raise(vector::GP, 0);
}

/// SS for a stack at privilege `cpl`: raises `vector` (#TS or #GP) for everything but a missing segment,
/// which is #SS.
bool fetch_stack_segment(Core&, u16 selector, u32 cpl, u8 vector, u32 ext, Slot&);
/// CS popped by a far return or IRET: #GP, or #NP.
bool fetch_return_code(Core&, u16 selector, Slot&);
/// The SS:ESP that the current TSS holds for `ring`; #TS if the TSS is too short.
bool read_inner_stack(Core&, u32 ring, u32 ext, u16& ss, u32& esp);
/// After a return to an outer ring: segments that it may not use become null.
void drop_inner_segments(CpuState&);
/// Switches to an outer-ring or inner-ring stack; the privilege level follows from SS.
inline void set_stack(CpuState& s, const SegmentRegister& ss, u32 esp) {
  s.seg[SS] = ss;
  s.gpr[ESP] = ss.big() ? esp : (s.gpr[ESP] & 0xFFFF0000u) | (esp & 0xFFFF);
}

/// Whether [offset, offset + bytes) lies within the segment's limit, expand-down segments included.
bool within_limit(const SegmentRegister&, u32 offset, u32 bytes);

}  // namespace ringside
