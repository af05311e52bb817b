// DAA DAS AAA AAS AAM AAD.
// Undefined flags are left as hardware leaves them where that is known, otherwise cleared.
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

constexpr unsigned kAl = 0, kAh = 1;  // register slots

u8 al(const Core& c) { return get_register<u8>(&c, kAl); }
void set_al(Core& c, u8 v) { set_register<u8>(&c, kAl, v); }
void set_ah(Core& c, u8 v) { set_register<u8>(&c, kAh, v); }
u8 ah(const Core& c) { return get_register<u8>(&c, kAh); }

template <bool subtract>
bool adjust_packed(Insn&, Core& c) {
  LazyFlags& f = c.x.flags;
  const u8 before = al(c);
  const bool carry_before = f.cf(), low = (before & 15) > 9 || f.af();
  const bool high = before > 0x99 || carry_before;
  const u8 correction = static_cast<u8>((low ? 6 : 0) + (high ? 0x60 : 0));
  const u8 r = static_cast<u8>(subtract ? before - correction : before + correction);
  // DAS also sets CF when the low correction borrows.
  const bool carry = high || (subtract && low && before < 6);
  const bool overflow =
      subtract ? (before ^ correction) & (before ^ r) & 0x80 : (before ^ r) & (correction ^ r) & 0x80;
  set_al(c, r);
  f.carry = carry;
  f.set_stored<u8>(r, overflow, low);
  return true;
}

template <bool subtract>
bool adjust_unpacked(Insn&, Core& c) {
  LazyFlags& f = c.x.flags;
  const bool adjust = (al(c) & 15) > 9 || f.af();
  if (adjust) {
    const u16 ax = get_register<u16>(&c, EAX);
    set_register<u16>(&c, EAX, static_cast<u16>(subtract ? ax - 0x106 : ax + 0x106));
  }
  set_al(c, al(c) & 15);
  f.carry = adjust;
  f.set_stored<u8>(al(c), false, adjust);
  return true;
}

bool aam(Insn& i, Core& c) {
  const u8 base = static_cast<u8>(i.imm);
  if (base == 0) return c.raise(vector::DE);
  set_ah(c, al(c) / base);
  set_al(c, al(c) % base);
  c.x.flags.carry = 0;
  c.x.flags.set_logic<u8>(al(c));
  return true;
}

bool aad(Insn& i, Core& c) {
  const u8 a = al(c), b = static_cast<u8>(ah(c) * i.imm), r = static_cast<u8>(a + b);
  set_register<u16>(&c, EAX, r);
  c.x.flags.carry = r < a;
  c.x.flags.set<u8>(FlagKind::Add8, a, r);
  return true;
}

}  // namespace

Handler select_daa(const Decoded&) { return cold<adjust_packed<false>>; }
Handler select_das(const Decoded&) { return cold<adjust_packed<true>>; }
Handler select_aaa(const Decoded&) { return cold<adjust_unpacked<false>>; }
Handler select_aas(const Decoded&) { return cold<adjust_unpacked<true>>; }
Handler select_aam(const Decoded&) { return cold<aam>; }
Handler select_aad(const Decoded&) { return cold<aad>; }

}  // namespace ringside
