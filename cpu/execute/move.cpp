// MOV, LEA, MOVZX, MOVSX, XCHG, BSWAP, CMOVcc, SETcc, XLAT, LAHF, SAHF, flag instructions, NOP.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/conditions.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

template <class T, class Destination, class Source>
Step mov(Insn* i, Core* c) {
  if constexpr (Source::kMemory) {
    T v;
    if (!Source::template load<T>(i, c, v)) [[unlikely]]
      return Source::template miss<Access::Read, &mov<T, D, General>>(i, c);
    Destination::template set<T>(i, c, v);
    return Source::done(i, c);
  } else if constexpr (Destination::kMemory) {
    if (!Destination::template store<T>(i, c, Source::template get<T>(i, c))) [[unlikely]]
      return Destination::template miss<Access::Write, &mov<T, General, Source>>(i, c);
    return Destination::done(i, c);
  } else {
    Destination::template set<T>(i, c, Source::template get<T>(i, c));
    return next(i, c);
  }
}

// The commonest forms have their registers built in.
constexpr auto kRegisters =
    make_table<64>([](auto n) -> Handler { return mov<u32, Reg<n / 8>, Reg<n % 8>>; });
constexpr auto kImmediate = make_table<8>([](auto n) -> Handler { return mov<u32, Reg<n>, Imm>; });
constexpr auto kLoads =
    make_table<64>([](auto n) -> Handler { return mov<u32, Reg<n / 8>, Mem<Shape::Base, n % 8>>; });

/// The twin must find the register where the instruction names it.
template <int N, int B>
Step store_based(Insn* i, Core* c) {
  if (!Mem<Shape::Base, B>::template store<u32>(i, c, Reg<N>::template get<u32>(i, c))) [[unlikely]]
    return mov<u32, General, S>(i, c);
  return next(i, c);
}
constexpr auto kStores = make_table<64>([](auto n) -> Handler { return store_based<n / 8, n % 8>; });

bool immediate(Form f) { return f == Form::Ib || f == Form::Iz || f == Form::Is; }

template <class T>
Handler select_mov_of(const Decoded& d) {
  const bool to_memory = d.memory && (d.row->operands[0] == Form::Eb || d.row->operands[0] == Form::Ev ||
                                      d.row->operands[0] == Form::Ob || d.row->operands[0] == Form::Ov);
  const bool from_immediate = immediate(d.row->operands[1]);
  if (!d.memory) {
    if (from_immediate) return sizeof(T) == 4 ? kImmediate[d.d] : Handler(mov<T, D, Imm>);
    return sizeof(T) == 4 ? kRegisters[d.d * 8 + d.s] : Handler(mov<T, D, S>);
  }
  if (sizeof(T) == 4 && d.fast_memory() && shape_of(d) == Shape::Base && !from_immediate)
    return to_memory ? kStores[d.s * 8 + d.base] : kLoads[d.d * 8 + d.base];
  return for_memory(d, [&]<class Memory>() -> Handler {
    if (!to_memory) return mov<T, D, Memory>;
    return from_immediate ? Handler(mov<T, Memory, Imm>) : Handler(mov<T, Memory, S>);
  });
}

// ---- LEA

template <int N, Shape shape, int B = -1>
Step lea(Insn* i, Core* c) {
  c->s.gpr.data()[N < 0 ? i->d : N] = Mem<shape, B>::address(i, c);
  return next(i, c);
}
constexpr auto kLeaBase = make_table<64>([](auto n) -> Handler { return lea<n / 8, Shape::Base, n % 8>; });
constexpr auto kLeaBaseIndex = make_table<8>([](auto n) -> Handler { return lea<n, Shape::BaseIndex>; });
constexpr auto kLeaIndex = make_table<8>([](auto n) -> Handler { return lea<n, Shape::Index>; });

template <class T>
Step lea_general(Insn* i, Core* c) {
  set_register<T>(c, i->d, static_cast<T>(effective_offset(*i, *c)));
  return next(i, c);
}

// ---- MOVZX, MOVSX

template <class To, class From, class Source>
Step extend(Insn* i, Core* c) {
  From v;
  if constexpr (Source::kMemory) {
    std::make_unsigned_t<From> raw;
    if (!Source::template load<std::make_unsigned_t<From>>(i, c, raw)) [[unlikely]]
      return Source::template miss<Access::Read, &extend<To, From, General>>(i, c);
    v = static_cast<From>(raw);
  } else {
    v = static_cast<From>(Source::template get<std::make_unsigned_t<From>>(i, c));
  }
  set_register<To>(c, i->d, static_cast<To>(v));
  if constexpr (Source::kMemory)
    return Source::done(i, c);
  else
    return next(i, c);
}

template <class From>
Handler select_extend_of(const Decoded& d) {
  if (!d.memory) return d.operand32 ? Handler(extend<u32, From, S>) : Handler(extend<u16, From, S>);
  if (!d.operand32) return extend<u16, From, General>;
  return for_memory(d, []<class Memory>() -> Handler { return extend<u32, From, Memory>; });
}

// ---- XCHG

template <class T>
Step xchg_registers(Insn* i, Core* c) {
  const T a = get_register<T>(c, i->d), b = get_register<T>(c, i->s);
  set_register<T>(c, i->d, b);
  set_register<T>(c, i->s, a);
  return next(i, c);
}

template <class T, class Memory>
Step xchg_memory(Insn* i, Core* c) {
  T old;
  typename Memory::Place place;
  if (!Memory::template update<T>(i, c, old, place)) [[unlikely]]
    return Memory::template miss<Access::Write, &xchg_memory<T, General>>(i, c);
  if (!Memory::template put<T>(c, place, get_register<T>(c, i->s))) [[unlikely]]
    return fault(i, c);
  set_register<T>(c, i->s, old);
  return Memory::done(i, c);
}

template <class T>
Step bswap(Insn* i, Core* c) {
  // On 16-bit operands the result is undefined; processors clear them.
  set_register<T>(c, i->d,
                  sizeof(T) == 4 ? static_cast<T>(__builtin_bswap32(get_register<u32>(c, i->d))) : T{0});
  return next(i, c);
}

// ---- conditional moves and sets

template <u8 cc, class T, class Source>
Step cmov(Insn* i, Core* c) {
  T v;
  if constexpr (Source::kMemory) {
    if (!Source::template load<T>(i, c, v)) [[unlikely]]
      return Source::template miss<Access::Read, &cmov<cc, T, General>>(i, c);
  } else {
    v = Source::template get<T>(i, c);
  }
  if (condition<cc>(c->x.flags)) set_register<T>(c, i->d, v);
  if constexpr (Source::kMemory)
    return Source::done(i, c);
  else
    return next(i, c);
}

template <class T, class Source>
constexpr auto kCmov = make_table<16>([](auto cc) -> Handler { return cmov<cc, T, Source>; });

template <u8 cc, class Destination>
Step setcc(Insn* i, Core* c) {
  const u8 v = condition<cc>(c->x.flags);
  if constexpr (Destination::kMemory) {
    if (!Destination::template store<u8>(i, c, v)) [[unlikely]]
      return Destination::template miss<Access::Write, &setcc<cc, General>>(i, c);
    return Destination::done(i, c);
  } else {
    Destination::template set<u8>(i, c, v);
    return next(i, c);
  }
}
template <class Destination>
constexpr auto kSetcc = make_table<16>([](auto cc) -> Handler { return setcc<cc, Destination>; });

// ---- the rest

bool xlat(Insn& i, Core& c) {
  const u32 offset = c.s.gpr[EBX] + (c.s.gpr[EAX] & 0xFF);
  u8 v;
  if (!load_at<u8>(c, static_cast<Seg>(i.segment()), i.address16() ? offset & 0xFFFF : offset, v))
    return false;
  set_register<u8>(&c, 0, v);
  return true;
}

constexpr u32 kLahfFlags = eflags::SF | eflags::ZF | eflags::AF | eflags::PF | eflags::CF;
constexpr unsigned kAh = 1;  // slot of AH

Step lahf(Insn* i, Core* c) {
  set_register<u8>(c, kAh, static_cast<u8>((c->x.flags.image() & kLahfFlags) | eflags::kFixedOne));
  return next(i, c);
}

Step sahf(Insn* i, Core* c) {
  const u32 kept = c->x.flags.of() ? eflags::OF : 0;
  c->x.flags.set_image(kept | (get_register<u8>(c, kAh) & kLahfFlags));
  return next(i, c);
}

template <u8 kind>
Step change_carry(Insn* i, Core* c) {
  c->x.flags.carry = kind == 2 ? !c->x.flags.carry : kind;
  return next(i, c);
}

template <bool set>
Step change_direction(Insn* i, Core* c) {
  c->s.eflags = set ? c->s.eflags | eflags::DF : c->s.eflags & ~eflags::DF;
  return next(i, c);
}

Step salc(Insn* i, Core* c) {
  set_register<u8>(c, 0, c->x.flags.carry ? 0xFF : 0);
  return next(i, c);
}

Step nop(Insn* i, Core* c) { return next(i, c); }

}  // namespace

Handler select_mov(const Decoded& d) {
  return for_size(d.size, [&]<class T>() { return select_mov_of<T>(d); });
}

Handler select_lea(const Decoded& d) {
  if (!d.operand32) return lea_general<u16>;
  if (!d.address32) return lea_general<u32>;
  switch (shape_of(d)) {
    case Shape::Base: return kLeaBase[d.d * 8 + d.base];
    case Shape::BaseIndex: return kLeaBaseIndex[d.d];
    case Shape::Index: return kLeaIndex[d.d];
    case Shape::Absolute: return lea<-1, Shape::Absolute>;
  }
  return nullptr;
}

Handler select_extend(const Decoded& d) {
  switch (d.row->argument) {
    case 0: return select_extend_of<u8>(d);
    case 1: return select_extend_of<u16>(d);
    case 2: return select_extend_of<i8>(d);
    default: return select_extend_of<i16>(d);
  }
}

Handler select_xchg(const Decoded& d) {
  return for_size(d.size, [&]<class T>() -> Handler {
    if (d.row->operands[0] == Form::Zv && d.d == EAX && d.size != 1)
      return d.rep == 0xF3 ? select_pause() : nop;
    if (!d.memory) return xchg_registers<T>;
    return for_memory(d, []<class Memory>() -> Handler { return xchg_memory<T, Memory>; });
  });
}

Handler select_bswap(const Decoded& d) { return d.operand32 ? bswap<u32> : bswap<u16>; }

Handler select_cmov(const Decoded& d) {
  const u8 cc = d.row->argument;
  if (d.size == 2) return d.memory ? kCmov<u16, General>[cc] : kCmov<u16, S>[cc];
  if (!d.memory) return kCmov<u32, S>[cc];
  if (d.fast_memory() && shape_of(d) == Shape::Base) return kCmov<u32, Mem<Shape::Base>>[cc];
  return kCmov<u32, General>[cc];
}

Handler select_setcc(const Decoded& d) {
  return d.memory ? kSetcc<General>[d.row->argument] : kSetcc<D>[d.row->argument];
}

Handler select_xlat(const Decoded&) { return cold<xlat>; }
Handler select_lahf(const Decoded&) { return lahf; }
Handler select_sahf(const Decoded&) { return sahf; }

Handler select_carry(const Decoded& d) {
  return d.row->argument == 0 ? change_carry<0> : d.row->argument == 1 ? change_carry<1> : change_carry<2>;
}

Handler select_direction(const Decoded& d) {
  return d.row->argument ? change_direction<true> : change_direction<false>;
}
Handler select_salc(const Decoded&) { return salc; }
Handler select_nop(const Decoded&) { return nop; }

}  // namespace ringside
