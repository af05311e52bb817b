// Segment loads and far transfers of the guest, by the rules for the privilege that it believes to have.
// Manual: Intel SDM vol. 3 sections 5.4 to 5.8; vol. 2, MOV, CALL, JMP, RET, IRET.
#include "hypervisor/trap/guest.h"

namespace ringside {
namespace {

constexpr u16 kTableIndicator = 4, kIndexMask = 0xFFFC;
constexpr u32 rpl(u16 selector) { return selector & 3; }
constexpr bool null(u16 selector) { return !(selector & kIndexMask); }
constexpr u32 error_code(u16 selector) { return selector & kIndexMask; }

bool is_code(const Descriptor& d) { return d.s() && d.type() & 8; }
bool conforming(const Descriptor& d) { return is_code(d) && d.type() & 4; }
bool writable_data(const Descriptor& d) { return d.s() && !(d.type() & 8) && d.type() & 2; }
bool readable(const Descriptor& d) { return d.s() && (!(d.type() & 8) || d.type() & 2); }

namespace type {
constexpr u32 kTss16 = 1, kLdt = 2, kCallGate16 = 4, kTaskGate = 5, kTss32 = 9, kCallGate32 = 12;
}

/// A call gate, decoded.
struct CallGate {
  u16 selector;
  u32 offset, parameters;
  bool bits32;
};
CallGate call_gate(const Descriptor& d) {
  const bool bits32 = d.type() == type::kCallGate32;
  return {static_cast<u16>(d.low >> 16), (d.low & 0xFFFF) | (bits32 ? d.high & 0xFFFF0000u : 0), d.high & 31,
          bits32};
}

}  // namespace

bool TrapGuest::read_descriptor(u16 selector, u8 vector, Descriptor& d, LinearAddr& where, u32 external) {
  const u32 offset = selector & ~7u;
  if (null(selector)) return raise(vector, external);
  if (selector & kTableIndicator) {
    if (!virt.ldtr.usable() || offset + 7 > virt.ldtr.limit)
      return raise(vector, error_code(selector) | external);
    where = LinearAddr(virt.ldtr.base + offset);
  } else {
    if (offset + 7 > virt.gdtr.limit) return raise(vector, error_code(selector) | external);
    where = LinearAddr(virt.gdtr.base + offset);
  }
  u32 words[2];
  if (!read(where, words, sizeof words, false)) return false;
  d = {words[0], words[1]};
  return true;
}

bool TrapGuest::mark_accessed(u16 selector, Descriptor& d, LinearAddr where) {
  if (!(d.high & Descriptor::kAccessedBit)) {
    d.high |= Descriptor::kAccessedBit;
    if (!write(where + 5, static_cast<u8>(d.high >> 8), false)) return false;
  }
  if (const auto physical = translate(where)) descriptors.loaded(selector, d, where, *physical);
  return true;
}

bool TrapGuest::load_data_segment(Seg s, u16 selector) {
  if (!protected_mode() || virtual_8086()) {
    const u32 limit = real().seg[s].limit;
    real().seg[s] = real_mode_segment(selector);
    if (!protected_mode()) real().seg[s].limit = limit;
    return true;
  }
  if (null(selector)) {
    if (s == SS) return raise(vector::GP, 0);
    real().seg[s] = {.selector = selector};
    return true;
  }
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(selector, vector::GP, d, where)) return false;
  const u32 cpl = this->cpl();
  if (s == SS) {
    if (rpl(selector) != cpl || !writable_data(d) || d.dpl() != cpl)
      return raise(vector::GP, error_code(selector));
    if (!d.present()) return raise(vector::SS, error_code(selector));
  } else {
    if (!readable(d)) return raise(vector::GP, error_code(selector));
    if (!conforming(d) && (rpl(selector) > d.dpl() || cpl > d.dpl()))
      return raise(vector::GP, error_code(selector));
    if (!d.present()) return raise(vector::NP, error_code(selector));
  }
  if (!mark_accessed(selector, d, where)) return false;
  set_segment(s, segment_of(selector, d), cpl);
  return true;
}

bool TrapGuest::load_ldtr(u16 selector) {
  if (null(selector)) {
    virt.ldtr = {.selector = selector};
  } else {
    Descriptor d;
    LinearAddr where;
    if (selector & kTableIndicator) return raise(vector::GP, error_code(selector));
    if (!read_descriptor(selector, vector::GP, d, where)) return false;
    if (d.s() || d.type() != type::kLdt) return raise(vector::GP, error_code(selector));
    if (!d.present()) return raise(vector::NP, error_code(selector));
    virt.ldtr = segment_of(selector, d);
  }
  descriptors.drop_ldt();
  real().ldtr = area.ldtr(virt.ldtr.usable());
  return true;
}

bool TrapGuest::load_tr(u16 selector) {
  Descriptor d;
  LinearAddr where;
  if (selector & kTableIndicator) return raise(vector::GP, error_code(selector));
  if (!read_descriptor(selector, vector::GP, d, where)) return false;
  if (d.s() || (d.type() != type::kTss16 && d.type() != type::kTss32))
    return raise(vector::GP, error_code(selector));
  if (!d.present()) return raise(vector::NP, error_code(selector));
  constexpr u32 kBusy = 2u << 8;
  d.high |= kBusy;
  if (!write(where + 5, static_cast<u8>(d.high >> 8), false)) return false;
  virt.tr = segment_of(selector, d);
  return true;
}

bool TrapGuest::enter_code(u16 selector, Descriptor d, LinearAddr where, u32 ring, u32 eip) {
  if (eip > d.limit()) return raise(vector::GP, 0);
  if (!mark_accessed(static_cast<u16>((selector & kIndexMask) | ring), d, where)) return false;
  set_segment(CS, segment_of(selector, d), ring);
  real().eip = eip;
  return true;
}

bool TrapGuest::far_jump(u16 selector, u32 offset, bool operand32) {
  if (!protected_mode() || virtual_8086()) {
    real().seg[CS] = real_mode_segment(selector);
    real().eip = operand32 ? offset : offset & 0xFFFF;
    return true;
  }
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(selector, vector::GP, d, where)) return false;
  const u32 cpl = this->cpl();
  if (!d.s()) {
    if (d.type() != type::kCallGate16 && d.type() != type::kCallGate32) return system_transfer(selector, d);
    if (d.dpl() < cpl || rpl(selector) > d.dpl()) return raise(vector::GP, error_code(selector));
    if (!d.present()) return raise(vector::NP, error_code(selector));
    const CallGate gate = call_gate(d);
    if (!read_descriptor(gate.selector, vector::GP, d, where)) return false;
    if (!is_code(d) || (conforming(d) ? d.dpl() > cpl : d.dpl() != cpl))
      return raise(vector::GP, error_code(gate.selector));
    if (!d.present()) return raise(vector::NP, error_code(gate.selector));
    return enter_code(gate.selector, d, where, cpl, gate.offset);
  }
  if (!is_code(d) || (conforming(d) ? d.dpl() > cpl : rpl(selector) > cpl || d.dpl() != cpl))
    return raise(vector::GP, error_code(selector));
  if (!d.present()) return raise(vector::NP, error_code(selector));
  return enter_code(selector, d, where, cpl, operand32 ? offset : offset & 0xFFFF);
}

bool TrapGuest::system_transfer(u16 selector, const Descriptor& d) {
  const bool task = d.type() == type::kTaskGate || d.type() == type::kTss16 || d.type() == type::kTss32;
  if (!task || d.dpl() < cpl() || rpl(selector) > d.dpl()) return raise(vector::GP, error_code(selector));
  if (!d.present()) return raise(vector::NP, error_code(selector));
  limitation = "the guest switches tasks by hardware (TSS or task gate), which this monitor does not emulate";
  return false;
}

bool TrapGuest::far_call(u16 selector, u32 offset, bool operand32, u32 return_eip) {
  const u32 return_cs = this->selector(CS);
  if (!protected_mode() || virtual_8086())
    return push({return_cs, return_eip}, operand32) && far_jump(selector, offset, operand32);
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(selector, vector::GP, d, where)) return false;
  const u32 cpl = this->cpl();
  const Undo before = remember();
  auto or_undo = [&](bool ok) {
    if (!ok) undo(before);
    return ok;
  };
  if (d.s()) {
    if (!is_code(d) || (conforming(d) ? d.dpl() > cpl : rpl(selector) > cpl || d.dpl() != cpl))
      return raise(vector::GP, error_code(selector));
    if (!d.present()) return raise(vector::NP, error_code(selector));
    if (!operand32) offset &= 0xFFFF;
    return or_undo(push({return_cs, return_eip}, operand32) && enter_code(selector, d, where, cpl, offset));
  }
  if (d.type() != type::kCallGate16 && d.type() != type::kCallGate32) return system_transfer(selector, d);
  if (d.dpl() < cpl || rpl(selector) > d.dpl()) return raise(vector::GP, error_code(selector));
  if (!d.present()) return raise(vector::NP, error_code(selector));
  const CallGate gate = call_gate(d);
  if (!read_descriptor(gate.selector, vector::GP, d, where)) return false;
  if (!is_code(d) || d.dpl() > cpl) return raise(vector::GP, error_code(gate.selector));
  if (!d.present()) return raise(vector::NP, error_code(gate.selector));
  if (conforming(d) || d.dpl() == cpl)
    return or_undo(push({return_cs, return_eip}, gate.bits32) &&
                   enter_code(gate.selector, d, where, cpl, gate.offset));

  // To an inner ring: new stack from the TSS, parameters copied.
  u32 parameters[31];
  const std::span<u32> copied(parameters, gate.parameters);
  if (!copied.empty() && !peek_stack(copied, gate.bits32)) return false;
  const u32 ring = d.dpl(), old_ss = this->selector(SS), old_esp = real().gpr[ESP];
  if (!switch_stack(ring, 0)) return or_undo(false);
  bool ok = push({old_ss, old_esp}, gate.bits32);
  for (std::size_t i = copied.size(); ok && i-- > 0;) ok = push({copied[i]}, gate.bits32);
  return or_undo(ok && push({return_cs, return_eip}, gate.bits32) &&
                 enter_code(gate.selector, d, where, ring, gate.offset));
}

bool TrapGuest::switch_stack(u32 ring, u32 external) {
  const bool tss32 = virt.tr.access & 8;
  const u32 offset = tss32 ? 4 + ring * 8 : 2 + ring * 4, bytes = tss32 ? 6 : 4;
  if (!virt.tr.usable() || offset + bytes - 1 > virt.tr.limit)
    return raise(vector::TS, error_code(virt.tr.selector) | external);
  u8 slot[6];
  if (!read(LinearAddr(virt.tr.base + offset), slot, bytes, false)) return false;
  u32 esp = 0;
  u16 ss;
  std::memcpy(&esp, slot, tss32 ? 4 : 2);
  std::memcpy(&ss, slot + (tss32 ? 4 : 2), 2);
  if (!null(ss) && rpl(ss) != ring) return raise(vector::TS, error_code(ss) | external);
  return load_inner_stack(ss, esp, external);
}

bool TrapGuest::load_inner_stack(u16 ss, u32 esp, u32 external) {
  const u32 ring = rpl(ss);
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(ss, vector::TS, d, where, external)) return false;
  if (ring > cpl() || d.dpl() != ring || !writable_data(d))
    return raise(vector::TS, error_code(ss) | external);
  if (!d.present()) return raise(vector::SS, error_code(ss) | external);
  if (!mark_accessed(ss, d, where)) return false;
  set_segment(SS, segment_of(ss, d), ring);
  real().gpr[ESP] = esp;
  return true;
}

bool TrapGuest::enter_inner_code(u16 code, u32 eip) {
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(code, vector::GP, d, where)) return false;
  const u32 ring = cpl();
  if (!is_code(d) || (conforming(d) ? d.dpl() > ring : d.dpl() != ring))
    return raise(vector::GP, error_code(code));
  if (!d.present()) return raise(vector::NP, error_code(code));
  return enter_code(code, d, where, ring, eip);
}

bool TrapGuest::far_return(bool operand32, u16 release_bytes) {
  u32 frame[2];
  if (!peek_stack(frame, operand32)) return false;
  const u32 bytes = operand32 ? 8 : 4;
  const u16 code = static_cast<u16>(frame[1]);
  if (!protected_mode() || virtual_8086()) {
    real().seg[CS] = real_mode_segment(code);
    real().eip = frame[0];
    release_stack(bytes + release_bytes);
    return true;
  }
  Descriptor d;
  LinearAddr where;
  if (!read_return_code(code, d, where)) return false;
  const Undo before = remember();
  release_stack(bytes + release_bytes);
  bool ok;
  if (rpl(code) == cpl()) {
    ok = enter_code(code, d, where, rpl(code), frame[0]);
  } else {
    u32 stack[2];
    ok = peek_stack(stack, operand32) &&
         return_outward(code, d, where, frame[0], static_cast<u16>(stack[1]), stack[0]);
    if (ok) release_stack(release_bytes);
  }
  if (!ok) undo(before);
  return ok;
}

bool TrapGuest::read_return_code(u16 code, Descriptor& d, LinearAddr& where) {
  if (!read_descriptor(code, vector::GP, d, where)) return false;
  const u32 ring = rpl(code);
  if (ring < cpl() || !is_code(d) || (conforming(d) ? d.dpl() > ring : d.dpl() != ring))
    return raise(vector::GP, error_code(code));
  return d.present() || raise(vector::NP, error_code(code));
}

bool TrapGuest::return_outward(u16 code, const Descriptor& code_descriptor, LinearAddr code_where, u32 eip,
                               u16 stack, u32 esp) {
  const u32 ring = rpl(code);
  Descriptor d;
  LinearAddr where;
  if (!read_descriptor(stack, vector::GP, d, where)) return false;
  if (rpl(stack) != ring || !writable_data(d) || d.dpl() != ring) return raise(vector::GP, error_code(stack));
  if (!d.present()) return raise(vector::SS, error_code(stack));
  if (!mark_accessed(stack, d, where)) return false;
  if (!enter_code(code, code_descriptor, code_where, ring, eip)) return false;
  set_segment(SS, segment_of(stack, d), ring);
  u32& sp = real().gpr[ESP];
  sp = stack32() ? esp : (sp & 0xFFFF0000u) | (esp & 0xFFFF);
  // What the outer ring may not use is taken from it.
  for (Seg s : {ES, DS, FS, GS}) {
    SegmentRegister& r = real().seg[s];
    const bool conforms = r.code() && r.access & access_rights::kExpandDownOrConforming;
    if (r.usable() && !conforms && r.dpl() < real_ring(ring)) r = {};
  }
  return true;
}

bool TrapGuest::iret(bool operand32) {
  u32 frame[3];
  if (!peek_stack(frame, operand32)) return false;
  const u32 bytes = operand32 ? 12 : 6, cpl = this->cpl(), old_flags = flags();
  const u16 code = static_cast<u16>(frame[1]);
  const Undo before = remember();

  u32 changeable = eflags::kArithmetic | eflags::TF | eflags::DF | eflags::NT;
  if (operand32) changeable |= eflags::RF | eflags::AC | eflags::ID;
  if (cpl <= iopl()) changeable |= eflags::IF;
  if (cpl == 0) changeable |= eflags::IOPL;
  const u32 new_flags = (old_flags & ~changeable) | (frame[2] & changeable);

  if (!protected_mode() || virtual_8086()) {
    if (virtual_8086() && iopl() < 3) return raise(vector::GP, 0);
    if (frame[0] > 0xFFFF) return raise(vector::GP, 0);
    const u32 kept = virtual_8086() ? eflags::IOPL : 0;
    real().seg[CS] = real_mode_segment(code);
    real().eip = frame[0];
    release_stack(bytes);
    set_flags((new_flags & ~kept) | (old_flags & kept) | (old_flags & eflags::VM));
    return true;
  }
  if (old_flags & eflags::NT) {
    limitation = "the guest returns from a nested task (IRET with NT), which this monitor does not emulate";
    return false;
  }
  if (operand32 && frame[2] & eflags::VM && cpl == 0) return to_virtual_8086();

  Descriptor d;
  LinearAddr where;
  if (!read_return_code(code, d, where)) return false;
  release_stack(bytes);
  bool ok;
  if (rpl(code) == cpl) {
    ok = enter_code(code, d, where, cpl, frame[0]);
  } else {
    u32 stack[2];
    ok = peek_stack(stack, operand32) &&
         return_outward(code, d, where, frame[0], static_cast<u16>(stack[1]), stack[0]);
  }
  if (!ok) {
    undo(before);
    return false;
  }
  set_flags(new_flags);
  return true;
}

bool TrapGuest::to_virtual_8086() {
  u32 frame[9];  // EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS
  if (!peek_stack(frame, true)) return false;
  set_flags(frame[2] | eflags::VM);
  real().eip = frame[0] & 0xFFFF;
  real().gpr[ESP] = frame[3];
  const u32 selectors[6] = {frame[5], frame[1], frame[4], frame[6], frame[7], frame[8]};  // in Seg's order
  for (int s = ES; s <= GS; ++s) real().seg[s] = real_mode_segment(static_cast<u16>(selectors[s]));
  return true;
}

void TrapGuest::set_flat_segments(u16 code_selector, u32 ring) {
  using namespace access_rights;
  const u32 access = kS | kPresent | kBig | kGranularity | kAccessed | kWritableOrReadable | ring << 5;
  const u16 stack_selector = static_cast<u16>((code_selector + 8) & kIndexMask);
  set_segment(SS, {.selector = stack_selector, .access = access, .base = 0, .limit = ~u32{0}}, ring);
  set_segment(CS,
              {.selector = static_cast<u16>(code_selector & kIndexMask),
               .access = access | kCode,
               .base = 0,
               .limit = ~u32{0}},
              ring);
}

}  // namespace ringside
