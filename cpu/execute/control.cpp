// Far transfers, interrupts raised by instructions, IRET, BOUND, SYSENTER and SYSEXIT.
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"
#include "cpu/memo_access.h"

namespace ringside {

namespace {

/// The far pointer of JMP and CALL: immediate (selector in disp), or in memory.
template <class T>
bool far_pointer(Insn& i, Core& c, bool immediate, u16& selector, u32& offset) {
  if (immediate) {
    selector = static_cast<u16>(i.disp);
    offset = i.imm;
    return true;
  }
  const u32 at = effective_offset(i, c);
  const Seg through = static_cast<Seg>(i.segment());
  T value;
  if (!load_at<T>(c, through, at, value)) return false;
  offset = value;
  return load_at<u16>(c, through, i.address16() ? (at + sizeof(T)) & 0xFFFF : at + sizeof(T), selector);
}

template <bool jump, bool immediate, class T>
bool far_transfer(Insn& i, Core& c) {
  u16 selector;
  u32 offset;
  if (!far_pointer<T>(i, c, immediate, selector, offset)) return false;
  constexpr bool operand32 = sizeof(T) == 4;
  return jump ? far_jump(c, selector, offset, operand32, i.next_eip())
              : far_call(c, selector, offset, operand32, i.next_eip());
}

template <bool operand32>
bool far_ret(Insn& i, Core& c) {
  return far_return(c, operand32, static_cast<u16>(i.imm));
}

// ---- interrupts

template <EventType type, u8 fixed_vector>
bool interrupt(Insn& i, Core& c) {
  const u8 vector = type == EventType::SoftwareInterrupt ? static_cast<u8>(i.imm) : fixed_vector;
  c.x.event_delivered = true;
  return software_interrupt(c, vector, type, static_cast<u8>(i.length()));
}

constexpr auto overflow_interrupt = transfer_step<interrupt<EventType::SoftwareException, vector::OF>>;

Step into(Insn* i, Core* c) { return c->x.flags.of() ? overflow_interrupt(i, c) : next(i, c); }

template <bool operand32>
bool interrupt_return(Insn& i, Core& c) {
  return iret(c, operand32, i.next_eip());
}

Step interrupt_return32(Insn* i, Core* c) {
  if (!return_by_memo(*c)) return transfer_step<interrupt_return<true>>(i, c);
  reload_flags(*c);
  return arrive(i, c);
}

template <class T>
bool bound(Insn& i, Core& c) {
  using Signed = std::make_signed_t<T>;
  const u32 at = effective_offset(i, c);
  const Seg seg = static_cast<Seg>(i.segment());
  T lower, upper;
  if (!load_at<T>(c, seg, at, lower)) return false;
  if (!load_at<T>(c, seg, i.address16() ? (at + sizeof(T)) & 0xFFFF : at + sizeof(T), upper)) return false;
  const Signed index = static_cast<Signed>(get_register<T>(&c, i.d));
  if (index < static_cast<Signed>(lower) || index > static_cast<Signed>(upper)) return c.raise(vector::BR);
  return true;
}

bool enter_system(Insn&, Core& c) { return sysenter(c); }
bool exit_system(Insn&, Core& c) { return sysexit(c); }

bool undefined(Insn&, Core& c) { return c.raise(vector::UD); }
bool past_the_end(Insn&, Core& c) { return c.raise(vector::GP, 0); }

template <bool jump, class T>
Handler select_far_of(const Decoded& d) {
  return d.memory ? transfer_step<far_transfer<jump, false, T>> : transfer_step<far_transfer<jump, true, T>>;
}

}  // namespace

Step undefined_opcode(Insn* i, Core* c) { return cold<undefined>(i, c); }
Step not_fetchable(Insn* i, Core* c) { return cold<past_the_end>(i, c); }

Handler select_undefined(const Decoded&) { return undefined_opcode; }

Handler select_far(const Decoded& d) {
  if (d.row->argument) return d.operand32 ? select_far_of<true, u32>(d) : select_far_of<true, u16>(d);
  return d.operand32 ? select_far_of<false, u32>(d) : select_far_of<false, u16>(d);
}

Handler select_far_return(const Decoded& d) {
  return d.operand32 ? transfer_step<far_ret<true>> : transfer_step<far_ret<false>>;
}

Handler select_int(const Decoded& d) {
  switch (d.row->argument) {
    case 0: return transfer_step<interrupt<EventType::SoftwareException, vector::BP>>;
    case 1: return transfer_step<interrupt<EventType::SoftwareInterrupt, 0>>;
    case 2: return into;
    default: return transfer_step<interrupt<EventType::PrivilegedSoftwareException, vector::DB>>;
  }
}

Handler select_iret(const Decoded& d) {
  return d.operand32 ? interrupt_return32 : transfer_step<interrupt_return<false>>;
}

Handler select_bound(const Decoded& d) { return d.operand32 ? cold<bound<u32>> : cold<bound<u16>>; }
Handler select_sysenter(const Decoded&) { return transfer_step<enter_system>; }
Handler select_sysexit(const Decoded&) { return transfer_step<exit_system>; }

}  // namespace ringside
