// ROL ROR RCL RCR SHL SHR SAR, SHLD SHRD.
// Manual: Intel SDM vol. 2. Counts are taken modulo 32; a count of 0 changes nothing. OF is undefined for
// counts other than 1: here it is what the last of the single-bit steps would leave, as processors do.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

enum : u8 { kRol, kRor, kRcl, kRcr, kShl, kShr, kSal, kSar };

template <class T>
constexpr unsigned kWidth = 8 * sizeof(T);

template <class T>
bool top(T v) {
  return v >> (kWidth<T> - 1);
}

/// `count` is 1 to 31.
template <u8 op, bool live, class T>
T shift(Core* c, T a, unsigned count) {
  LazyFlags& f = c->x.flags;
  constexpr unsigned w = kWidth<T>;
  if constexpr (op == kShl || op == kSal) {
    const u64 wide = static_cast<u64>(a) << count;
    const T r = static_cast<T>(wide);
    if constexpr (live) {
      f.carry = wide >> w & 1;
      f.set_stored(r, top(r) != f.carry, false);
    }
    return r;
  } else if constexpr (op == kShr) {
    const T r = static_cast<T>(static_cast<u64>(a) >> count);
    if constexpr (live) {
      f.carry = static_cast<u64>(a) >> (count - 1) & 1;
      f.set_stored(r, top(static_cast<T>(r ^ (r << 1))), false);
    }
    return r;
  } else if constexpr (op == kSar) {
    const i64 wide = static_cast<std::make_signed_t<T>>(a);
    const T r = static_cast<T>(wide >> count);
    if constexpr (live) {
      f.carry = wide >> (count - 1) & 1;
      f.set_stored(r, false, false);
    }
    return r;
  } else if constexpr (op == kRol) {
    const unsigned n = count % w;
    const T r = static_cast<T>(a << n | (n ? a >> (w - n) : 0));
    if constexpr (live) {
      f.carry = r & 1;
      f.set_of(top(r) != f.carry);
    }
    return r;
  } else if constexpr (op == kRor) {
    const unsigned n = count % w;
    const T r = static_cast<T>(a >> n | (n ? a << (w - n) : 0));
    if constexpr (live) {
      f.carry = top(r);
      f.set_of(top(static_cast<T>(r ^ (r << 1))));
    }
    return r;
  } else {  // through CF: a rotation of w + 1 bits
    const unsigned n = count % (w + 1);
    if (n == 0) {
      f.set_of(op == kRcl ? top(a) != f.carry : top(static_cast<T>(a ^ (a << 1))));
      return a;
    }
    const u64 all = static_cast<u64>(f.carry) << w | a;
    const u64 rotated = op == kRcl ? all << n | all >> (w + 1 - n) : all >> n | all << (w + 1 - n);
    const T r = static_cast<T>(rotated);
    f.carry = rotated >> w & 1;
    f.set_of(op == kRcl ? top(r) != f.carry : top(static_cast<T>(r ^ (r << 1))));
    return r;
  }
}

struct ByImmediate {
  static unsigned count(Insn* i, Core*) { return i->imm & 31; }
};
struct ByCl {
  static unsigned count(Insn*, Core* c) { return c->s.gpr.data()[ECX] & 31; }
};

template <u8 op, bool live, class T, class Operand, class Count>
Step shift_operand(Insn* i, Core* c) {
  const unsigned count = Count::count(i, c);
  if constexpr (Operand::kMemory) {
    T a;
    typename Operand::Place place;
    if (!Operand::template update<T>(i, c, a, place)) [[unlikely]]
      return Operand::template miss<Access::Write, &shift_operand<op, true, T, General, Count>>(i, c);
    if (count == 0) return Operand::done(i, c);
    const LazyFlags before = c->x.flags;
    const T r = shift<op, true, T>(c, a, count);
    if (!Operand::template put<T>(c, place, r)) [[unlikely]] {
      c->x.flags = before;
      return fault(i, c);
    }
    return Operand::done(i, c);
  } else {
    if (count == 0) [[unlikely]]
      return next(i, c);
    Operand::template set<T>(i, c, shift<op, live, T>(c, Operand::template get<T>(i, c), count));
    return next(i, c);
  }
}

template <u8 op, bool live, class Count>
constexpr auto kShifts = make_table<8>([](auto n) -> Handler {
  return shift_operand<op, live, u32, Reg<n>, Count>;
});

template <u8 op, class Count>
Handler select_shift_of(const Decoded& d) {
  if (!d.memory && d.size == 4)
    return d.live() ? kShifts<op, true, Count>[d.d] : kShifts<op, false, Count>[d.d];
  return for_size(d.size, [&]<class T>() -> Handler {
    if (!d.memory) return shift_operand<op, true, T, D, Count>;
    if (d.fast_memory() && shape_of(d) == Shape::Base)
      return shift_operand<op, true, T, Mem<Shape::Base>, Count>;
    return shift_operand<op, true, T, General, Count>;
  });
}

template <class Count>
Handler select_shift_by(const Decoded& d) {
  switch (d.row->argument) {
    case kRol: return select_shift_of<kRol, Count>(d);
    case kRor: return select_shift_of<kRor, Count>(d);
    case kRcl: return select_shift_of<kRcl, Count>(d);
    case kRcr: return select_shift_of<kRcr, Count>(d);
    case kShr: return select_shift_of<kShr, Count>(d);
    case kSar: return select_shift_of<kSar, Count>(d);
    default: return select_shift_of<kShl, Count>(d);
  }
}

/// SHLD and SHRD. With 16-bit operands and a count above 16 the result is undefined; processors shift the
/// destination, the source and the destination again as one long number.
template <bool right, class Count>
struct DoubleShift {
  template <class T>
  static bool run(Insn& i, Core& c) {
    constexpr unsigned w = kWidth<T>;
    const unsigned count = Count::count(&i, &c);
    T a;
    if (!update_rm<T>(i, c, i.d, a)) return false;
    if (count == 0) return true;
    const T b = get_register<T>(&c, i.s);
    T r;
    bool carry;
    if constexpr (sizeof(T) == 2) {
      const u64 ring = static_cast<u64>(a) << 32 | static_cast<u64>(b) << 16 | a;
      r = static_cast<T>(right ? ring >> count : (ring << count) >> 32);
      carry = (right ? ring >> (count - 1) : ring >> (48 - count)) & 1;
    } else {
      const u64 pair = right ? static_cast<u64>(b) << w | a : static_cast<u64>(a) << w | b;
      r = static_cast<T>(right ? pair >> count : (pair << count) >> w);
      carry = right ? pair >> (count - 1) & 1 : pair >> (2 * w - count) & 1;
    }
    if (!write_back_rm<T>(i, c, i.d, r)) return false;
    c.x.flags.carry = carry;
    c.x.flags.set_stored(r, right ? top(static_cast<T>(r ^ (r << 1))) : top(r) != carry, false);
    return true;
  }
};

}  // namespace

Handler select_shift(const Decoded& d) {
  return d.row->operands[1] == Form::CL ? select_shift_by<ByCl>(d) : select_shift_by<ByImmediate>(d);
}

Handler select_double_shift(const Decoded& d) {
  const bool by_cl = d.row->operands[2] == Form::CL;
  if (d.row->argument)
    return by_cl ? cold_by_wide_size<DoubleShift<true, ByCl>>(d)
                 : cold_by_wide_size<DoubleShift<true, ByImmediate>>(d);
  return by_cl ? cold_by_wide_size<DoubleShift<false, ByCl>>(d)
               : cold_by_wide_size<DoubleShift<false, ByImmediate>>(d);
}

}  // namespace ringside
