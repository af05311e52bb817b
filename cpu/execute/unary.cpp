// INC DEC NOT NEG, MUL IMUL DIV IDIV, CBW CWD.
#include <limits>

#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

// ---- operations of one operand: r = compute(a)

template <bool up>
struct IncDec {
  template <class T>
  static T compute(T a) {
    return static_cast<T>(up ? a + 1 : a - 1);
  }
  template <class T>
  static void set_flags(Core* c, T, T r) {
    c->x.flags.set_result(r);
    c->x.flags.set_kind(sized<T>(up ? FlagKind::Inc8 : FlagKind::Dec8));
  }
};
struct Not {
  template <class T>
  static T compute(T a) {
    return static_cast<T>(~a);
  }
  template <class T>
  static void set_flags(Core*, T, T) {}
};
struct Neg {
  template <class T>
  static T compute(T a) {
    return static_cast<T>(-a);
  }
  template <class T>
  static void set_flags(Core* c, T a, T r) {
    c->x.flags.carry = a != 0;
    c->x.flags.set<T>(FlagKind::Sub8, 0, r);
  }
};

template <class Op, bool live, class T, class Operand>
Step unary(Insn* i, Core* c) {
  if constexpr (Operand::kMemory) {
    T a;
    typename Operand::Place place;
    if (!Operand::template update<T>(i, c, a, place)) [[unlikely]]
      return Operand::template miss<Access::Write, &unary<Op, true, T, General>>(i, c);
    const T r = Op::compute(a);
    if (!Operand::template put<T>(c, place, r)) [[unlikely]]
      return fault(i, c);
    if constexpr (live) Op::set_flags(c, a, r);
    return Operand::done(i, c);
  } else {
    const T a = Operand::template get<T>(i, c), r = Op::compute(a);
    if constexpr (live) Op::set_flags(c, a, r);
    Operand::template set<T>(i, c, r);
    return next(i, c);
  }
}

template <class Op, bool live>
constexpr auto kUnary = make_table<8>([](auto n) -> Handler { return unary<Op, live, u32, Reg<n>>; });

template <class Op>
Handler select_unary(const Decoded& d) {
  if (!d.memory && d.size == 4) return d.live() ? kUnary<Op, true>[d.d] : kUnary<Op, false>[d.d];
  return for_size(d.size, [&]<class T>() -> Handler {
    if (!d.memory) return unary<Op, true, T, D>;
    return for_memory(d, []<class Memory>() -> Handler { return unary<Op, true, T, Memory>; });
  });
}

// ---- multiplication

template <class T>
using Signed = std::make_signed_t<T>;
/// The type of twice the width, signed if T is.
template <class T,
          class Wide = std::conditional_t<sizeof(T) == 1, u16, std::conditional_t<sizeof(T) == 2, u32, u64>>>
using Twice = std::conditional_t<std::is_signed_v<T>, Signed<Wide>, Wide>;

template <class Factor>
Twice<Factor> multiply(Factor a, Factor b) {
  using Product = Twice<Factor>;
  return static_cast<Product>(static_cast<Product>(a) * static_cast<Product>(b));
}

/// CF and OF say whether the upper half matters; the other flags are undefined and follow the lower half.
template <class T>
void multiply_flags(Core& c, T low, bool overflow) {
  c.x.flags.carry = overflow;
  c.x.flags.set_stored(low, overflow, false);
}

/// The accumulator pair: AX, DX:AX, EDX:EAX.
template <class T>
Twice<T> accumulator(const Core& c) {
  if constexpr (sizeof(T) == 1)
    return get_register<u16>(&c, EAX);
  else
    return static_cast<Twice<T>>(get_register<T>(&c, EDX)) << (8 * sizeof(T)) | get_register<T>(&c, EAX);
}
template <class T>
void set_accumulator(Core& c, T low, T high) {
  set_register<T>(&c, EAX, low);
  set_register<T>(&c, sizeof(T) == 1 ? register_slot(4, 1) : unsigned{EDX}, high);  // AH, DX, EDX
}

template <bool is_signed>
struct Multiply {
  template <class T>
  static bool run(Insn& i, Core& c) {
    using Factor = std::conditional_t<is_signed, Signed<T>, T>;
    T b;
    if (!load_rm<T>(i, c, i.d, b)) return false;
    const auto product = multiply(static_cast<Factor>(get_register<T>(&c, EAX)), static_cast<Factor>(b));
    const T low = static_cast<T>(product);
    set_accumulator<T>(c, low, static_cast<T>(product >> (8 * sizeof(T))));
    multiply_flags(c, low, product != static_cast<Factor>(low));
    return true;
  }
};

/// IMUL r, r/m and IMUL r, r/m, imm.
template <bool live, class T, class Source, bool immediate>
Step imul(Insn* i, Core* c) {
  T a;
  if constexpr (Source::kMemory) {
    if (!Source::template load<T>(i, c, a)) [[unlikely]]
      return Source::template miss<Access::Read, &imul<true, T, General, immediate>>(i, c);
  } else {
    a = Source::template get<T>(i, c);
  }
  const T b = immediate ? static_cast<T>(i->imm) : get_register<T>(c, i->d);
  const auto product = multiply(static_cast<Signed<T>>(a), static_cast<Signed<T>>(b));
  const T r = static_cast<T>(product);
  if constexpr (live) multiply_flags(*c, r, product != static_cast<Signed<T>>(r));
  set_register<T>(c, i->d, r);
  if constexpr (Source::kMemory)
    return Source::done(i, c);
  else
    return next(i, c);
}

template <bool immediate>
Handler select_imul_of(const Decoded& d) {
  if (d.size == 2) return d.memory ? imul<true, u16, General, immediate> : imul<true, u16, S, immediate>;
  if (!d.memory) return d.live() ? imul<true, u32, S, immediate> : imul<false, u32, S, immediate>;
  return for_memory(d, []<class Memory>() -> Handler { return imul<true, u32, Memory, immediate>; });
}

// ---- division

template <bool is_signed>
struct Divide {
  template <class T>
  static bool run(Insn& i, Core& c) {
    using Part = std::conditional_t<is_signed, Signed<T>, T>;
    using Whole = Twice<Part>;
    T divisor_bits;
    if (!load_rm<T>(i, c, i.d, divisor_bits)) return false;
    const Part divisor = static_cast<Part>(divisor_bits);
    const Whole dividend = static_cast<Whole>(accumulator<T>(c));
    if (divisor == 0) return c.raise(vector::DE);
    if constexpr (is_signed) {  // the most negative dividend by -1 overflows the host's own division
      if (divisor == -1 && dividend == std::numeric_limits<Whole>::min()) return c.raise(vector::DE);
    }
    const Whole quotient = static_cast<Whole>(dividend / divisor);
    if (quotient != static_cast<Whole>(static_cast<Part>(quotient))) return c.raise(vector::DE);
    set_accumulator<T>(c, static_cast<T>(quotient), static_cast<T>(dividend % divisor));
    return true;
  }
};

// ---- sign extension of the accumulator

Step cbw(Insn* i, Core* c) {
  set_register<u16>(c, EAX, static_cast<u16>(static_cast<i8>(c->s.gpr[EAX])));
  return next(i, c);
}
Step cwde(Insn* i, Core* c) {
  c->s.gpr[EAX] = static_cast<u32>(static_cast<i16>(c->s.gpr[EAX]));
  return next(i, c);
}
template <class T>
Step cwd(Insn* i, Core* c) {
  set_register<T>(c, EDX, static_cast<Signed<T>>(get_register<T>(c, EAX)) < 0 ? static_cast<T>(~T{0}) : T{0});
  return next(i, c);
}

}  // namespace

Handler select_inc_dec(const Decoded& d) {
  return d.row->argument ? select_unary<IncDec<true>>(d) : select_unary<IncDec<false>>(d);
}
Handler select_not(const Decoded& d) { return select_unary<Not>(d); }
Handler select_neg(const Decoded& d) { return select_unary<Neg>(d); }
Handler select_multiply(const Decoded& d) {
  return d.row->argument ? cold_by_size<Multiply<true>>(d) : cold_by_size<Multiply<false>>(d);
}
Handler select_imul(const Decoded& d) {
  return d.row->operands[2] != Form::None ? select_imul_of<true>(d) : select_imul_of<false>(d);
}
Handler select_divide(const Decoded& d) {
  return d.row->argument ? cold_by_size<Divide<true>>(d) : cold_by_size<Divide<false>>(d);
}
Handler select_cbw(const Decoded& d) { return d.operand32 ? cwde : cbw; }
Handler select_cwd(const Decoded& d) { return d.operand32 ? cwd<u32> : cwd<u16>; }

}  // namespace ringside
