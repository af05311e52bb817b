// Segment registers: addresses through them, loading them, and the instructions that ask about descriptors.
//
// Modelled: limits (expand-down too), types, presence and privilege with the manual's faults and error
// codes; the accessed bit; real and virtual-8086 mode. Far transfers are in far_transfer.cpp.
// Manual: Intel SDM vol. 3 ch. 5, vol. 2 (MOV, LLDT, LTR, LAR, LSL, VERR).
#include <algorithm>

#include "cpu/descriptor_access.h"

namespace ringside {

bool segment_address(Core& core, Seg seg, u32 offset, u32 bytes, Access access, LinearAddr& linear) {
  const SegmentRegister& r = core.s.seg[seg];
  const u8 vector = seg == SS ? vector::SS : vector::GP;
  if (core.s.protected_mode() && !core.s.virtual_8086()) {
    if (!r.usable()) return core.raise(vector, 0);
    // Type bit 1 is W for data and R for code.
    const bool permitted =
        access == Access::Write  ? !r.code() && (r.access & access_rights::kWritableOrReadable)
        : access == Access::Read ? !r.code() || (r.access & access_rights::kWritableOrReadable)
                                 : true;
    if (!permitted) return core.raise(vector, 0);
  }
  if (!within_limit(r, offset, bytes)) return core.raise(vector, 0);
  linear = LinearAddr(r.base + offset);
  return true;
}

bool load_segment(Core& core, Seg seg, u16 selector) {
  CpuState& s = core.s;
  if (!s.protected_mode() || s.virtual_8086()) {
    load_real_mode_segment(core, seg, selector);
    return true;
  }
  Slot slot;
  if (seg == SS) {
    if (!fetch_stack_segment(core, selector, s.cpl(), vector::GP, 0, slot)) return false;
  } else {
    if (null_selector(selector)) {
      load_null_segment(s.seg[seg], selector);
      return true;
    }
    const u32 error = selector_error(selector);
    if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
    if (!slot.readable()) return core.raise(vector::GP, error);
    const u32 rpl = selector & 3;
    if (!slot.conforming() && (slot.d.dpl() < rpl || slot.d.dpl() < s.cpl()))
      return core.raise(vector::GP, error);
    if (!slot.d.present()) return core.raise(vector::NP, error);
  }
  if (!mark_accessed(core, slot)) return false;
  s.seg[seg] = segment_register(selector, slot.d);
  return true;
}

namespace {

bool system_instruction_exists(Core& core) {
  if (core.s.protected_mode() && !core.s.virtual_8086()) return true;
  return core.raise(vector::UD);
}

bool may_load_system_segment(Core& core, u8 length) {
  if (!system_instruction_exists(core)) return false;
  if (core.s.cpl() != 0) return core.raise(vector::GP, 0);
  if (core.non_root() && core.vmcs->descriptor_table_exiting)
    return core.exit(exits::DescriptorTableAccess{length});
  return true;
}

}  // namespace

bool load_ldtr(Core& core, u16 selector, u8 length) {
  if (!may_load_system_segment(core, length)) return false;
  if (null_selector(selector)) {
    load_null_segment(core.s.ldtr, selector);
    return true;
  }
  const u32 error = selector_error(selector);
  if (selector & 4) return core.raise(vector::GP, error);
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
  if (slot.d.s() || slot.d.type() != system_type::kLdt) return core.raise(vector::GP, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  core.s.ldtr = segment_register(selector, slot.d);
  return true;
}

bool load_tr(Core& core, u16 selector, u8 length) {
  if (!may_load_system_segment(core, length)) return false;
  const u32 error = selector_error(selector);
  if (null_selector(selector) || (selector & 4)) return core.raise(vector::GP, error);
  Slot slot;
  if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
  if (slot.d.s() || (slot.d.type() & ~system_type::k32) != system_type::kTss16)
    return core.raise(vector::GP, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  if (!set_busy(core, slot, true)) return false;
  core.s.tr = segment_register(selector, slot.d);
  return true;
}

namespace {

/// What LAR, LSL, VERR and VERW begin with: `visible` unless the selector is null, outside, or too
/// privileged.
bool look_up(Core& core, u16 selector, Slot& slot, bool& visible) {
  visible = false;
  if (!system_instruction_exists(core)) return false;
  if (null_selector(selector)) return true;
  bool inside;
  if (!find_descriptor(core, selector, slot, inside)) return false;
  const u32 least = std::max<u32>(core.s.cpl(), selector & 3);
  visible = inside && (slot.conforming() || slot.d.dpl() >= least);
  return true;
}

constexpr u32 kHasRights = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 11 | 1u << 12;
constexpr u32 kHasLimit = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11;

}  // namespace

bool lar(Core& core, u16 selector, u32& rights, bool& ok) {
  Slot slot;
  if (!look_up(core, selector, slot, ok)) return false;
  ok = ok && (slot.d.s() || (kHasRights >> slot.d.type() & 1));
  if (ok) rights = slot.d.high & 0x00F0FF00;
  return true;
}

bool lsl(Core& core, u16 selector, u32& limit, bool& ok) {
  Slot slot;
  if (!look_up(core, selector, slot, ok)) return false;
  ok = ok && (slot.d.s() || (kHasLimit >> slot.d.type() & 1));
  if (ok) limit = slot.d.limit();
  return true;
}

bool verify_segment(Core& core, u16 selector, bool write, bool& ok) {
  Slot slot;
  if (!look_up(core, selector, slot, ok)) return false;
  ok = ok && (write ? slot.writable_data() : slot.readable());
  return true;
}

}  // namespace ringside
