// Instructions that are rare enough to be written once for all operand kinds.
//
// Such an instruction is a function `bool (Insn&, Core&)` that returns false after a fault, with nothing
// changed, or a struct with a static template `run<T>` of that form for each operand size.
#pragma once

#include "cpu/decode.h"
#include "cpu/execute/operand.h"

namespace ringside {

/// Folds the engine's state into CpuState, exact at `i`, before calling something that reads CpuState.
void settle(Insn&, Core&);
/// The other direction, after something has changed CpuState::eflags.
inline void reload_flags(Core& c) { c.x.flags.set_image(c.s.eflags); }
/// Derives mode, TLB half, CS base and limit from CpuState after something has changed them.
void refresh_mode(Core&);

using Body = bool (*)(Insn&, Core&);

template <Body body>
Step cold(Insn* i, Core* c) {
  c->x.current = i;
  if (!body(*i, *c)) [[unlikely]]
    return fault(i, c);
  return next_checked(i, c);
}

/// Looks at CpuState (EFLAGS, EIP) and changes nothing that decoding depends on.
template <Body body>
Step looking(Insn* i, Core* c) {
  settle(*i, *c);
  if (!body(*i, *c)) [[unlikely]]
    return fault(i, c);
  return next_checked(i, c);
}

/// Reads and writes CpuState (EFLAGS, EIP), may change the mode; the run loop looks around afterwards.
template <Body body>
Step system_step(Insn* i, Core* c) {
  settle(*i, *c);
  if (!body(*i, *c)) [[unlikely]]
    return fault(i, c);
  reload_flags(*c);
  c->x.mode_changed = true;
  return leave_after(i, c);
}

/// The instruction has set CS:EIP, and perhaps the mode: on to the block there, or to the run loop if it must
/// look around.
Step arrive(Insn*, Core*);

/// Reads and writes CpuState, and the body has set s.eip.
template <Body body>
Step transfer_step(Insn* i, Core* c) {
  settle(*i, *c);
  if (!body(*i, *c)) [[unlikely]]
    return fault(i, c);
  reload_flags(*c);
  return arrive(i, c);
}

/// Looks at CPL and segments only, and may drop translations: the run loop is needed if those of code were
/// among them.
template <Body body>
Step translation_step(Insn* i, Core* c) {
  c->x.current = i;
  const u32 context = c->x.context;
  if (!body(*i, *c)) [[unlikely]]
    return fault(i, c);
  if (c->x.context != context) [[unlikely]]
    return leave_after(i, c);
  return next_checked(i, c);
}

template <class Op>
Handler cold_by_size(const Decoded& d) {
  return d.size == 1   ? Handler(cold<&Op::template run<u8>>)
         : d.size == 2 ? Handler(cold<&Op::template run<u16>>)
                       : Handler(cold<&Op::template run<u32>>);
}
/// For instructions without an 8-bit form.
template <class Op>
Handler cold_by_wide_size(const Decoded& d) {
  return d.size == 2 ? Handler(cold<&Op::template run<u16>>) : Handler(cold<&Op::template run<u32>>);
}

/// The ModRM operand, register `slot` or memory.
template <class T>
bool load_rm(Insn& i, Core& c, unsigned slot, T& v) {
  if (!i.memory()) {
    v = get_register<T>(&c, slot);
    return true;
  }
  if (!load_general<T>(&i, &c)) return false;
  v = static_cast<T>(c.x.value);
  return true;
}
/// The same, and the following store_rm() will succeed.
template <class T>
bool update_rm(Insn& i, Core& c, unsigned slot, T& v) {
  if (!i.memory()) {
    v = get_register<T>(&c, slot);
    return true;
  }
  if (!update_general<T>(&i, &c)) return false;
  v = static_cast<T>(c.x.value);
  return true;
}
/// Ends what update_rm() began.
template <class T>
bool write_back_rm(Insn& i, Core& c, unsigned slot, T v) {
  if (i.memory()) return store_updated<T>(&c, v);
  set_register<T>(&c, slot, v);
  return true;
}
/// A store without a read before it.
template <class T>
bool store_rm(Insn& i, Core& c, unsigned slot, T v) {
  if (i.memory()) return store_general<T>(&i, &c, v);
  set_register<T>(&c, slot, v);
  return true;
}

// ---- the stack, by SS.B

/// Stack pointer masked to the stack's width.
inline u32 stack_mask(const Core& c) { return c.s.seg[SS].big() ? 0xFFFFFFFFu : 0xFFFFu; }
inline void set_stack_pointer(Core& c, u32 value) {
  const u32 mask = stack_mask(c);
  c.s.gpr[ESP] = (c.s.gpr[ESP] & ~mask) | (value & mask);
}
template <class T>
bool push(Core& c, T value) {
  const u32 sp = (c.s.gpr[ESP] - sizeof(T)) & stack_mask(c);
  if (!store_at<T>(c, SS, sp, value)) return false;
  set_stack_pointer(c, sp);
  return true;
}
/// Reads the top of the stack, `above` bytes up; the caller moves ESP when nothing can fail any more.
template <class T>
bool peek_stack(Core& c, T& value, u32 above = 0) {
  return load_at<T>(c, SS, (c.s.gpr[ESP] + above) & stack_mask(c), value);
}
inline void release_stack(Core& c, u32 bytes) { set_stack_pointer(c, c.s.gpr[ESP] + bytes); }

}  // namespace ringside
