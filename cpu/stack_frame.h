// Building and reading frames of several words on a stack, which need not be the current one. Registers
// change only when the caller has everything it needs; so a fault in the middle leaves the instruction
// restartable.
// Manual: Intel SDM vol. 1 section 6.2 (stacks, their address size), vol. 3 section 6.15 (#SS).
#pragma once

#include "cpu/descriptor_access.h"

namespace ringside {

class StackFrame {
 public:
  /// `user`: privilege of the accesses. `error`: error code of #SS when the frame exceeds the segment.
  StackFrame(Core& core, const SegmentRegister& ss, u32 esp, bool user, u32 error = 0)
      : core_(core), ss_(ss), esp_(esp), mask_(ss.big() ? 0xFFFFFFFF : 0xFFFF), error_(error), user_(user) {
    // The usual stack spans all of memory and grows down in an expand-up segment: nothing to check word by
    // word.
    using namespace access_rights;
    constexpr u32 kKind = kUnusable | kCode | kExpandDownOrConforming;
    unlimited_ = ss_.limit == 0xFFFFFFFF && !(ss_.access & kKind);
  }
  /// The current stack.
  explicit StackFrame(Core& core) : StackFrame(core, core.s.seg[SS], core.s.gpr[ESP], core.user()) {}

  u32 esp() const { return esp_; }
  void skip(u32 bytes) { move(bytes); }

  /// #SS unless `count` words of 2 or 4 bytes can be pushed.
  bool room(u32 count, bool wide) {
    if (unlimited_) return true;
    const u32 size = wide ? 4 : 2;
    for (u32 i = 1; i <= count; i++)
      if (!valid((esp_ - i * size) & mask_, size)) return core_.raise(vector::SS, error_);
    return true;
  }
  /// #SS unless `bytes` can be popped.
  bool holds(u32 count, bool wide) {
    if (unlimited_) return true;
    const u32 size = wide ? 4 : 2;
    for (u32 i = 0; i < count; i++)
      if (!valid((esp_ + i * size) & mask_, size)) return core_.raise(vector::SS, error_);
    return true;
  }

  bool push(u32 value, bool wide) {
    const u32 size = wide ? 4 : 2, offset = (esp_ - size) & mask_;
    if (!valid(offset, size)) return core_.raise(vector::SS, error_);
    const LinearAddr at(ss_.base + offset);
    if (!(wide ? write_linear<u32>(core_, at, value, user_)
               : write_linear<u16>(core_, at, static_cast<u16>(value), user_)))
      return false;
    move(0u - size);
    return true;
  }

  /// Pops a word, zero-extended.
  bool pop(u32& value, bool wide) {
    const u32 size = wide ? 4 : 2, offset = esp_ & mask_;
    if (!valid(offset, size)) return core_.raise(vector::SS, error_);
    const LinearAddr at(ss_.base + offset);
    if (wide) {
      if (!read_linear(core_, at, value, user_)) return false;
    } else {
      u16 half;
      if (!read_linear(core_, at, half, user_)) return false;
      value = half;
    }
    move(size);
    return true;
  }
  bool pop_selector(u16& selector, bool wide) {
    u32 value;
    if (!pop(value, wide)) return false;
    selector = static_cast<u16>(value);
    return true;
  }

 private:
  bool valid(u32 offset, u32 size) const {
    return unlimited_ || (ss_.usable() && within_limit(ss_, offset, size));
  }
  void move(u32 by) { esp_ = (esp_ & ~mask_) | ((esp_ + by) & mask_); }

  Core& core_;
  SegmentRegister ss_;
  u32 esp_, mask_, error_;
  bool user_, unlimited_;
};

/// The stack that a far return or IRET to an outer ring pops and switches to.
struct OuterStack {
  u32 esp = 0;
  u16 selector = 0;
  Slot slot;

  bool pop(Core& core, StackFrame& frame, u32 ring, bool wide) {
    return frame.holds(2, wide) && frame.pop(esp, wide) && frame.pop_selector(selector, wide) &&
           fetch_stack_segment(core, selector, ring, vector::GP, 0, slot);
  }
  /// Nothing can fail any more.
  void enter(CpuState& s) const {
    set_stack(s, segment_register(selector, slot.d), esp);
    drop_inner_segments(s);
  }
};

}  // namespace ringside
