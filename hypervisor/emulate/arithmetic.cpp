#include "hypervisor/emulate/arithmetic.h"

#include <bit>

namespace ringside::arithmetic {
namespace {

using namespace eflags;

void set(u32& flags, u32 bit, bool on) { flags = on ? flags | bit : flags & ~bit; }

void set_result(u32& flags, u32 result, unsigned size) {
  flags = (flags & ~(SF | ZF | PF)) | result_flags(result, size);
}

}  // namespace

u32 result_flags(u32 result, unsigned size) {
  result &= mask_of(size);
  u32 flags = 0;
  if (result == 0) flags |= ZF;
  if (result & sign_of(size)) flags |= SF;
  if (std::popcount(result & 0xFF) % 2 == 0) flags |= PF;
  return flags;
}

bool condition(unsigned code, u32 flags) {
  const bool less = bool(flags & SF) != bool(flags & OF);
  bool holds = false;
  switch (code >> 1) {
    case 0: holds = flags & OF; break;
    case 1: holds = flags & CF; break;
    case 2: holds = flags & ZF; break;
    case 3: holds = flags & (CF | ZF); break;
    case 4: holds = flags & SF; break;
    case 5: holds = flags & PF; break;
    case 6: holds = less; break;
    case 7: holds = less || (flags & ZF); break;
  }
  return holds != bool(code & 1);
}

u32 alu(AluOperation operation, u32 a, u32 b, unsigned size, u32& flags) {
  const u32 mask = mask_of(size);
  a &= mask;
  b &= mask;
  const u32 carry_in = (operation == kAdc || operation == kSbb) && (flags & CF) ? 1 : 0;
  u32 result = 0;
  switch (operation) {
    case kAdd:
    case kAdc: {
      const u64 wide = u64{a} + b + carry_in;
      result = static_cast<u32>(wide) & mask;
      set(flags, CF, wide > mask);
      set(flags, OF, (a ^ result) & (b ^ result) & sign_of(size));
      set(flags, AF, (a ^ b ^ result) & 16);
      break;
    }
    case kSub:
    case kSbb:
    case kCmp: {
      result = (a - b - carry_in) & mask;
      set(flags, CF, u64{a} < u64{b} + carry_in);
      set(flags, OF, (a ^ b) & (a ^ result) & sign_of(size));
      set(flags, AF, (a ^ b ^ result) & 16);
      break;
    }
    case kOr:
    case kAnd:
    case kXor:
      result = operation == kOr ? a | b : operation == kAnd ? a & b : a ^ b;
      flags &= ~(CF | OF | AF);
      break;
  }
  set_result(flags, result, size);
  return result;
}

u32 increment(u32 a, unsigned size, u32& flags) {
  const u32 carry = flags & CF;
  const u32 result = alu(kAdd, a, 1, size, flags);
  set(flags, CF, carry);
  return result;
}

u32 decrement(u32 a, unsigned size, u32& flags) {
  const u32 carry = flags & CF;
  const u32 result = alu(kSub, a, 1, size, flags);
  set(flags, CF, carry);
  return result;
}

u32 shift(ShiftOperation operation, u32 a, unsigned count, unsigned size, u32& flags) {
  count &= 31;
  if (count == 0) return a & mask_of(size);
  const u32 mask = mask_of(size), sign = sign_of(size);
  a &= mask;
  u32 r = a;
  bool carry = flags & CF;
  // Bit by bit, as the manual's pseudo-code has it: no count is a special case.
  for (unsigned i = 0; i < count; ++i) {
    const bool high = r & sign, low = r & 1;
    switch (operation) {
      case kRol:
        r = (r << 1) | (high ? 1 : 0);
        carry = high;
        break;
      case kRor:
        r = (r >> 1) | (low ? sign : 0);
        carry = low;
        break;
      case kRcl:
        r = (r << 1) | (carry ? 1 : 0);
        carry = high;
        break;
      case kRcr:
        r = (r >> 1) | (carry ? sign : 0);
        carry = low;
        break;
      case kShl:
      case kSal:
        r = r << 1;
        carry = high;
        break;
      case kShr:
        r = r >> 1;
        carry = low;
        break;
      case kSar:
        r = (r >> 1) | (high ? sign : 0);
        carry = low;
        break;
    }
    r &= mask;
  }
  set(flags, CF, carry);
  const bool high = r & sign, second = r & (sign >> 1);
  switch (operation) {
    case kRol:
    case kRcl:
    case kShl:
    case kSal: set(flags, OF, high != carry); break;
    case kRor:
    case kRcr: set(flags, OF, high != second); break;
    case kShr: set(flags, OF, a & sign); break;
    case kSar: set(flags, OF, false); break;
  }
  if (operation >= kShl) set_result(flags, r, size);
  return r;
}

u32 double_shift(bool right, u32 a, u32 b, unsigned count, unsigned size, u32& flags) {
  count &= 31;
  const unsigned bits = 8 * size;
  const u32 mask = mask_of(size);
  a &= mask;
  b &= mask;
  // A count beyond a 16-bit operand is undefined; processors shift `a` in again behind `b`.
  if (count == 0) return a;
  u32 r = a;
  bool carry = false;
  for (unsigned i = 0; i < count; ++i) {
    const u32 from = i < bits ? b : a;
    const unsigned n = i % bits;
    if (right) {
      carry = r & 1;
      r = (r >> 1) | ((from >> n) & 1 ? sign_of(size) : 0);
    } else {
      carry = r & sign_of(size);
      r = ((r << 1) | ((from >> (bits - 1 - n)) & 1)) & mask;
    }
  }
  set(flags, CF, carry);
  set(flags, OF, (r ^ a) & sign_of(size));
  set_result(flags, r, size);
  return r;
}

u32 bit_operation(BitOperation operation, u32 a, unsigned bit, u32& flags) {
  const u32 one = u32{1} << bit;
  set(flags, CF, a & one);
  switch (operation) {
    case kTest: return a;
    case kSet: return a | one;
    case kReset: return a & ~one;
    case kComplement: return a ^ one;
  }
  return a;
}

u32 bit_scan(bool reverse, u32 source, u32 destination, unsigned size, u32& flags) {
  source &= mask_of(size);
  set(flags, ZF, source == 0);
  if (source == 0) return destination;
  return static_cast<u32>(reverse ? 31 - std::countl_zero(source) : std::countr_zero(source));
}

u64 multiply(bool is_signed, u32 a, u32 b, unsigned size, bool& overflow) {
  const unsigned bits = 8 * size;
  if (!is_signed) {
    const u64 product = u64{a & mask_of(size)} * (b & mask_of(size));
    overflow = product >> bits;
    return product;
  }
  const i64 product = i64{static_cast<i32>(sign_extend(a, size))} * static_cast<i32>(sign_extend(b, size));
  overflow = product != static_cast<i32>(sign_extend(static_cast<u32>(product), size));
  return static_cast<u64>(product);
}

bool divide(bool is_signed, u64 dividend, u32 divisor, unsigned size, u32& quotient, u32& remainder) {
  const u32 mask = mask_of(size);
  if ((divisor & mask) == 0) return false;
  if (!is_signed) {
    const u64 q = dividend / (divisor & mask);
    if (q > mask) return false;
    quotient = static_cast<u32>(q);
    remainder = static_cast<u32>(dividend % (divisor & mask));
    return true;
  }
  const i64 d = static_cast<i32>(sign_extend(divisor, size));
  const i64 n = static_cast<i64>(dividend);
  if (d == -1 && n == INT64_MIN) return false;  // the one quotient that the host cannot compute
  const i64 q = n / d;
  if (q != static_cast<i32>(sign_extend(static_cast<u32>(q), size))) return false;
  quotient = static_cast<u32>(q) & mask;
  remainder = static_cast<u32>(n % d) & mask;
  return true;
}

}  // namespace ringside::arithmetic
