// Random straight-line 32-bit integer code whose result is defined by the manual to the last bit, for
// comparing processors with each other.
//
// Every instruction runs on random registers; memory operands of all addressing forms fall into one data
// page, the stack into another. After an instruction that leaves flags undefined, some of its defined flags
// are stored by SETcc and a CMP defines all of them again. #DE and #BR may happen and end the run; no other
// fault can.
#pragma once

#include <random>
#include <vector>

#include "cpu/address.h"

namespace ringside::test {

struct RandomCode {
  static constexpr u32 kCode = 0x01000000, kData = 0x01100000, kStack = 0x01200000,
                       kRegion = 0x01300000 - kCode;
  static constexpr u32 kStackMiddle = kStack + 0x800;

  std::vector<u8> bytes;
  std::vector<u32> unit_ends;  ///< offsets at which the code may be cut

  /// `data` and `stack` say where the two pages lie.
  RandomCode(u64 seed, u32 units, u32 data = kData, u32 stack = kStack)
      : random_(seed), data_(data), stack_middle_(stack + 0x800) {
    for (u32 i = 0; i < units; i++) {
      unit();
      unit_ends.push_back(static_cast<u32>(bytes.size()));
    }
  }

  /// How many instructions there are at least: one for each unit.
  u32 units() const { return static_cast<u32>(unit_ends.size()); }

 private:
  enum Flag : u32 { C = 1, P = 2, A = 4, Z = 8, S = 16, O = 32, kNone = 0, kAll = 63 };
  enum Size { Byte, Word, Dword };

  u32 below(u32 n) { return static_cast<u32>(random_() % n); }
  bool chance(u32 one_in) { return below(one_in) == 0; }
  /// Values that sit on edges as often as not.
  u32 value() {
    static constexpr u32 kEdges[] = {0,      1,      2,      0x7F,       0x80,       0xFF,
                                     0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    return chance(2) ? kEdges[below(12)] : static_cast<u32>(random_());
  }
  void b(u32 v) { bytes.push_back(static_cast<u8>(v)); }
  void w(u32 v) { b(v), b(v >> 8); }
  void d(u32 v) { w(v), w(v >> 16); }

  Size size() { return chance(3) ? Byte : chance(2) ? Word : Dword; }
  Size wide() { return chance(3) ? Word : Dword; }
  void prefix(Size s) {
    if (s == Word) b(0x66);
  }
  void immediate(Size s, u32 v) { s == Byte ? b(v) : s == Word ? w(v) : d(v); }
  /// A register that may be changed: not ESP. For bytes all eight names are free.
  u32 reg(Size s) {
    const u32 r = below(8);
    return s != Byte && r == 4 ? 0 : r;
  }
  /// A register to address through; those in avoid_ hold something that the instruction needs.
  u32 pointer() {
    static constexpr u32 kPointers[] = {0, 1, 2, 3, 5, 6, 7};
    for (;;) {
      const u32 r = kPointers[below(7)];
      if (!(avoid_ >> r & 1)) return r;
    }
  }
  void load(u32 r, u32 v) { b(0xB8 + r), d(v); }

  /// An operand: prepare() emits what makes it valid, then put() the ModRM bytes.
  struct Operand {
    bool memory = false;
    u32 form = 0, base = 0, index = 0, scale = 0, disp = 0, r = 0;
  };
  Operand memory_operand(u32 bytes_needed = 8) {
    Operand o;
    o.memory = true;
    const u32 target = data_ + 16 + below(4096 - 32 - bytes_needed);
    o.form = below(4);
    o.base = pointer();
    o.index = pointer();
    o.scale = below(4);
    const u32 at_base = value();
    switch (o.form) {
      case 0: o.disp = target; break;
      case 1: load(o.base, at_base), o.disp = target - at_base; break;
      case 2: {
        const u32 at_index = value();
        load(o.base, at_base), load(o.index, at_index);
        const u32 real_base = o.base == o.index ? at_index : at_base;
        o.disp = target - real_base - (at_index << o.scale);
        break;
      }
      default: o.disp = below(256); load(o.base, target - static_cast<u32>(static_cast<i8>(o.disp)));
    }
    return o;
  }
  Operand operand(Size s, u32 avoid = 0) {
    avoid_ = avoid;
    const Operand o = any_operand(s);
    avoid_ = 0;
    return o;
  }
  Operand any_operand(Size s) {
    if (chance(2)) return memory_operand();
    Operand o;
    o.r = reg(s);
    return o;
  }
  void modrm(const Operand& o, u32 field) {
    field <<= 3;
    if (!o.memory) return b(0xC0 | field | o.r);
    switch (o.form) {
      case 0: b(field | 5), d(o.disp); break;
      case 1: b(0x80 | field | o.base), d(o.disp); break;
      case 2: b(0x84 | field), b(o.scale << 6 | o.index << 3 | o.base), d(o.disp); break;
      default: b(0x40 | field | o.base), b(o.disp);
    }
  }

  /// Some of the defined flags go to memory; then all are defined.
  void settle(u32 defined) {
    static constexpr struct { u32 flag, condition; } kTests[] = {{O, 0}, {C, 2}, {Z, 4}, {S, 8}, {P, 10}};
    for (const auto& t : kTests)
      if ((defined & t.flag) && chance(2)) b(0x0F), b(0x90 | t.condition), b(5), d(data_ + below(4000));
    b(0x3D), d(value());
  }

  void unit() {
    switch (below(40)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: return alu();
      case 6:
      case 7: return alu_immediate();
      case 8:
      case 9: return move();
      case 10:
      case 11:
      case 12: return shift();
      case 13: return double_shift();
      case 14:
      case 15: return unary();
      case 16: return multiply();
      case 17: return divide();
      case 18: return bit_test();
      case 19: return bit_scan();
      case 20:
      case 21: return extend_and_set();
      case 22: return decimal();
      case 23:
      case 24: return strings();
      case 25:
      case 26: return stack();
      case 27: return exchange();
      case 28: return compare_exchange();
      case 29:
      case 30: return branch();
      case 31: return lea();
      case 32: return accumulator();
      case 33: return increment();
      case 34: return frame();
      case 35: return bound();
      case 36: return flags();
      default: return alu();
    }
  }

  void alu() {  // ADD OR ADC SBB AND SUB XOR CMP, and TEST
    const Size s = size();
    const u32 op = below(9), form = below(2);
    const Operand o = operand(s);
    prefix(s);
    if (op == 8)
      b(0x84 + (s != Byte)), modrm(o, reg(s));
    else
      b(op * 8 + form * 2 + (s != Byte)), modrm(o, reg(s));
    if (op == 1 || op == 4 || op == 6 || op == 8) settle(kAll & ~A);
  }
  void alu_immediate() {
    const Size s = size();
    const u32 op = below(8), form = below(3);
    const Operand o = operand(s);
    prefix(s);
    if (form == 0) {
      b(op * 8 + 4 + (s != Byte)), immediate(s, value());
    } else if (form == 1 && s != Byte) {
      b(0x83), modrm(o, op), b(value());
    } else {
      b(0x80 + (s != Byte)), modrm(o, op), immediate(s, value());
    }
    if (op == 1 || op == 4 || op == 6) settle(kAll & ~A);
  }
  void move() {
    const Size s = size();
    const u32 form = below(4);
    if (form == 3) return load(pointer(), value());
    const Operand o = operand(s);
    prefix(s);
    if (form == 2)
      b(0xC6 + (s != Byte)), modrm(o, 0), immediate(s, value());
    else
      b(0x88 + form * 2 + (s != Byte)), modrm(o, reg(s));
  }
  void shift() {
    static constexpr u32 kOps[] = {0, 1, 2, 3, 4, 5, 7};
    const Size s = size();
    const u32 op = kOps[below(7)], form = below(3), bits = s == Byte ? 8 : s == Word ? 16 : 32;
    u32 count = form == 0 ? 1 : below(32);
    const bool rotate = op < 4;
    const Operand o = operand(s, 1u << 1);
    if (form == 2) b(0xB1), b(count | below(8) << 5);  // MOV CL
    prefix(s);
    b((form == 0 ? 0xD0 : form == 1 ? 0xC0 : 0xD2) + (s != Byte)), modrm(o, op);
    if (form == 1) b(count);
    count &= 31;
    if (count == 0) return;
    u32 defined = rotate ? kAll : kAll & ~A;
    if (count != 1) defined &= ~O;
    if (!rotate && op != 7 && count >= bits) defined &= ~C;
    settle(defined);
  }
  void double_shift() {
    const Size s = wide();
    const u32 count = below(s == Word ? 16 : 32);
    const Operand o = operand(s);
    prefix(s);
    b(0x0F), b(chance(2) ? 0xA4 : 0xAC), modrm(o, reg(s)), b(count);
    if (count) settle(count == 1 ? kAll & ~A : kAll & ~(A | O));
  }
  void unary() {  // NOT, NEG, TEST imm
    const Size s = size();
    const u32 op = below(3);
    const Operand o = operand(s);
    prefix(s);
    b(0xF6 + (s != Byte)), modrm(o, op == 0 ? 0 : op + 1);
    if (op == 0) immediate(s, value()), settle(kAll & ~A);
  }
  void multiply() {
    const u32 form = below(4);
    const Size s = form == 0 ? size() : wide();
    const Operand o = operand(s);
    prefix(s);
    switch (form) {
      case 0: b(0xF6 + (s != Byte)), modrm(o, 4 + below(2)); break;
      case 1: b(0x0F), b(0xAF), modrm(o, reg(s)); break;
      case 2: b(0x69), modrm(o, reg(s)), immediate(s, value()); break;
      default: b(0x6B), modrm(o, reg(s)), b(value());
    }
    settle(C | O);
  }
  void divide() {
    const Size s = size();
    const bool is_signed = chance(2);
    const Operand o = operand(s, 1u << 0 | 1u << 2);
    // Mostly a dividend that fits: extend the accumulator. Now and then whatever is there: #DE.
    if (!chance(16)) {
      if (s == Byte)
        is_signed ? (b(0x66), b(0x98)) : (b(0xB4), b(0));  // CBW; MOV AH, 0
      else
        is_signed ? (prefix(s), b(0x99)) : (b(0xBA), d(0));  // CWD/CDQ; MOV EDX, 0
    }
    prefix(s);
    b(0xF6 + (s != Byte)), modrm(o, is_signed ? 7 : 6);
    settle(kNone);
  }
  void bit_test() {
    const Size s = wide();
    const u32 op = below(4);
    if (chance(2)) {
      const Operand o = operand(s);
      prefix(s);
      b(0x0F), b(0xBA), modrm(o, 4 + op), b(value());
    } else {
      // The bit string may reach 100 bits to either side of the operand.
      const u32 r = pointer();
      load(r, below(200) - 100);
      Operand o;
      if (chance(2)) {
        o.memory = true;
        o.form = 0;
        o.disp = data_ + 64 + below(3900);
      } else {
        o.r = reg(s);
      }
      prefix(s);
      b(0x0F), b(0xA3 + op * 8), modrm(o, r);
    }
    settle(C | Z);
  }
  void bit_scan() {
    const Size s = wide();
    Operand o = operand(s);
    if (!o.memory)
      load(o.r, value() | 0x8000);  // of zero the destination is undefined
    else
      return;
    prefix(s);
    b(0x0F), b(0xBC + below(2)), modrm(o, reg(s));
    settle(Z);
  }
  void extend_and_set() {
    const u32 form = below(3);
    if (form == 0) {  // MOVZX, MOVSX
      const Size s = wide();
      const bool from_word = chance(2);
      const Operand o = operand(from_word ? Word : Byte);
      prefix(s);
      b(0x0F), b((chance(2) ? 0xB6 : 0xBE) + from_word), modrm(o, reg(s));
    } else if (form == 1) {  // SETcc
      const Operand o = operand(Byte);
      b(0x0F), b(0x90 + below(16)), modrm(o, below(8));
    } else {  // CMOVcc
      const Size s = wide();
      const Operand o = operand(s);
      prefix(s);
      b(0x0F), b(0x40 + below(16)), modrm(o, reg(s));
    }
  }
  void decimal() {
    switch (below(6)) {
      case 0: b(0x27), settle(kAll & ~O); break;
      case 1: b(0x2F), settle(kAll & ~O); break;
      case 2: b(0x37), settle(A | C); break;
      case 3: b(0x3F), settle(A | C); break;
      case 4: b(0xD4), b(chance(8) ? 0 : 1 + below(255)), settle(S | Z | P); break;
      default: b(0xD5), b(value()), settle(S | Z | P);
    }
  }
  void strings() {
    static constexpr u32 kOps[] = {0xA4, 0xA6, 0xAA, 0xAC, 0xAE};
    const Size s = size();
    const u32 op = kOps[below(5)];
    const bool down = chance(3);
    load(6, data_ + 1024 + below(2000)), load(7, data_ + 1024 + below(2000));
    if (chance(2)) load(7, data_ + 1200), load(6, data_ + 1200 + below(9) - 4);  // overlapping
    const u32 repeat = below(3);
    if (repeat) load(1, below(40));
    if (down) b(0xFD);
    if (repeat) b(0xF1 + repeat);
    prefix(s);
    b(op + (s != Byte));
    b(0xFC);
  }
  void stack() {
    switch (below(6)) {
      case 0: {
        const Size s = wide();
        const u32 r = below(8);
        prefix(s), b(0x50 + r);
        break;
      }
      case 1: {
        const Size s = wide();
        prefix(s), b(0x58 + reg(s));
        break;
      }
      case 2: prefix(wide() == Word ? Word : Dword), b(0x6A), b(value()); break;
      case 3: b(0x68), d(value()); break;
      case 4: {
        const Size s = wide();
        const Operand o = operand(s);
        prefix(s);
        chance(2) ? (b(0xFF), modrm(o, 6)) : (b(0x8F), modrm(o, 0));
        break;
      }
      default: b(0x60 + below(2));
    }
    if (chance(3)) load(4, stack_middle_);
  }
  void exchange() {
    const u32 form = below(4);
    const Size s = form == 0 ? Dword : size();
    if (form == 0) {
      b(0x0F), b(0xC8 + reg(Dword));  // BSWAP
    } else if (form == 1) {
      const u32 r = reg(Dword);
      prefix(wide()), b(0x90 + r);
    } else if (form == 2) {
      const Operand o = operand(s);
      prefix(s);
      b(0x86 + (s != Byte)), modrm(o, reg(s));
    } else {
      const Operand o = operand(s);
      prefix(s);
      b(0x0F), b(0xC0 + (s != Byte)), modrm(o, reg(s));  // XADD
    }
  }
  void compare_exchange() {
    if (chance(3)) {
      const Operand o = memory_operand();
      b(0x0F), b(0xC7), modrm(o, 1);
      return;
    }
    const Size s = size();
    const Operand o = operand(s);
    prefix(s);
    b(0x0F), b(0xB0 + (s != Byte)), modrm(o, reg(s));
  }
  void branch() {  // forward over a MOV
    const u32 form = below(4);
    const u32 r = pointer(), v = value();
    if (form == 0)
      b(0x70 + below(16)), b(5);
    else if (form == 1)
      b(0x0F), b(0x80 + below(16)), d(5);
    else if (form == 2)
      b(0xE0 + below(4)), b(5);  // LOOPNE, LOOPE, LOOP, JECXZ
    else
      b(chance(2) ? 0xEB : 0xEB), b(5);
    load(r, v);
  }
  void lea() {
    const Operand o = memory_operand();
    const Size s = wide();
    prefix(s);
    b(0x8D), modrm(o, reg(s));
  }
  void accumulator() {
    switch (below(5)) {
      case 0: prefix(wide()), b(0x98); break;
      case 1: prefix(wide()), b(0x99); break;
      case 2: b(0xA0 + below(4)), d(data_ + below(4000)); break;
      case 3: load(3, data_ + below(3000)), b(0xD7); break;  // XLAT
      default: {
        const Size s = size();
        prefix(s), b(0xA8 + (s != Byte)), immediate(s, value()), settle(kAll & ~A);
      }
    }
  }
  void increment() {
    if (chance(2)) {
      prefix(wide()), b((chance(2) ? 0x40 : 0x48) + reg(Dword));
      return;
    }
    const Size s = size();
    const Operand o = operand(s);
    prefix(s);
    b(0xFE + (s != Byte)), modrm(o, below(2));
  }
  void frame() {
    load(4, stack_middle_);
    if (chance(2)) {
      load(5, stack_middle_ + 128);
      b(0xC8), w(below(64)), b(below(4));
    } else {
      load(5, stack_middle_ + below(256));
      b(0xC9);
    }
    load(4, stack_middle_);
  }
  void bound() {
    const u32 at = data_ + below(4000) / 8 * 8, r = pointer();
    b(0xC7), b(5), d(at), d(0x80000000 | value());
    b(0xC7), b(5), d(at + 4), d(value() & 0x7FFFFFFF);
    b(0x62), b(r << 3 | 5), d(at);
  }
  void flags() {
    static constexpr u32 kOps[] = {0xF5, 0xF8, 0xF9, 0x9E, 0x9F};
    b(kOps[below(5)]);
  }

  std::mt19937_64 random_;
  const u32 data_, stack_middle_;
  u32 avoid_ = 0;
};

}  // namespace ringside::test
