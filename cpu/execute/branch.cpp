// Near branches: Jcc, LOOP, JMP, CALL, RET, and a comparison fused with the Jcc behind it.
//
// The two slots after a block's last instruction are its exits: first the target of a relative branch, then
// the next instruction. An indirect branch has the first exit as its inline cache.
#include "cpu/execute/alu.h"
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/conditions.h"
#include "cpu/execute/exits.h"

namespace ringside {

namespace {

/// Through the first of two exits if `taken`, otherwise the second: a branch of the host's own, which it
/// predicts.
[[gnu::always_inline]] inline Step follow_either(bool taken, Insn* exits, Core* c) {
  if (taken) return follow(exits, c);
  return follow(exits + 1, c);
}

template <u8 cc>
Step jcc(Insn* i, Core* c) {
  return follow_either(condition<cc>(c->x.flags), i + 1, c);
}

Step jmp(Insn* i, Core* c) { return follow(i + 1, c); }

/// A branch past the segment's limit: the branch itself faults.
[[gnu::cold]] Step limit_fault(Insn* i, Core* c) {
  c->raise(vector::GP, 0);
  return fault(i, c);
}

Step jmp_limited(Insn* i, Core* c) {
  return i[1].disp > c->x.cs_limit ? limit_fault(i, c) : follow(i + 1, c);
}

/// LOOPNE, LOOPE, LOOP, J(E)CXZ: the operands' truth in `taken`, after ECX has been counted down.
template <class Count, u8 kind>
Step loop(Insn* i, Core* c) {
  const bool zero = c->x.flags.zf();
  Count count = get_register<Count>(c, ECX);
  if constexpr (kind != 3) --count;
  const bool taken = kind == 3 ? count == 0 : count != 0 && (kind == 2 || zero == (kind == 1));
  if (taken && i[1].disp > c->x.cs_limit) [[unlikely]]
    return limit_fault(i, c);
  if constexpr (kind != 3) set_register<Count>(c, ECX, count);
  return follow_either(taken, i + 1, c);
}

// ---- fused pairs: i[1] is the Jcc, i[2] and i[3] the exits

template <u8 op, u8 cc, class T, class First, class Second>
Step compare_jump(Insn* i, Core* c) {
  using Op = alu::Operation<op>;
  T a, b;
  if constexpr (First::kMemory) {
    if (!First::template load<T>(i, c, a)) [[unlikely]]
      return alu::binary<op, alu::kAll, T, General, Second>(i, c);
  } else {
    a = First::template get<T>(i, c);
  }
  if constexpr (Second::kMemory) {
    if (!Second::template load<T>(i, c, b)) [[unlikely]]
      return alu::binary<op, alu::kAll, T, D, General>(i, c);
  } else {
    b = Second::template get<T>(i, c);
  }
  const T r = Op::compute(c, a, b);
  Op::template set_flags<alu::kAll>(c, a, b, r);
  bool taken;
  if constexpr (op == alu::Cmp)
    taken = condition_of_compare<cc>(a, b);
  else
    taken = condition_of_logic<cc>(r);
  return follow_either(taken, i + 2, c);
}

/// DEC or INC of a register, then JZ, JNZ, JS or JNS.
template <bool increment, u8 cc, int N>
Step count_jump(Insn* i, Core* c) {
  const u32 r = c->s.gpr.data()[N] + (increment ? 1u : ~0u);
  c->s.gpr.data()[N] = r;
  c->x.flags.set_result(r);
  c->x.flags.set_kind(increment ? FlagKind::Inc32 : FlagKind::Dec32);
  return follow_either(condition_of_logic<cc>(r), i + 2, c);
}

template <u8 op, class T, class First, class Second>
constexpr auto kCompareJumps = make_table<16>([](auto cc) -> Handler {
  return compare_jump<op, cc, T, First, Second>;
});

template <u8 op, class T>
Handler select_compare_jump(const Decoded& d, u8 cc) {
  const Form second = d.row->operands[1];
  const bool immediate = second == Form::Ib || second == Form::Iz || second == Form::Is;
  if (!d.memory) return immediate ? kCompareJumps<op, T, D, Imm>[cc] : kCompareJumps<op, T, D, S>[cc];
  if (!d.fast_memory()) return nullptr;
  const bool to_register = d.row->operands[0] == Form::Gb || d.row->operands[0] == Form::Gv;
  switch (shape_of(d)) {
    case Shape::Base:
      if (to_register) return kCompareJumps<op, T, D, Mem<Shape::Base>>[cc];
      return immediate ? kCompareJumps<op, T, Mem<Shape::Base>, Imm>[cc]
                       : kCompareJumps<op, T, Mem<Shape::Base>, S>[cc];
    case Shape::BaseIndex:
      if (to_register) return kCompareJumps<op, T, D, Mem<Shape::BaseIndex>>[cc];
      return immediate ? kCompareJumps<op, T, Mem<Shape::BaseIndex>, Imm>[cc]
                       : kCompareJumps<op, T, Mem<Shape::BaseIndex>, S>[cc];
    default: return nullptr;
  }
}

template <bool increment>
constexpr auto kCountJumps = make_table<32>([](auto n) -> Handler {
  constexpr u8 cc[4] = {kE, kNE, kS, kNS};
  return count_jump<increment, cc[n / 8], n % 8>;
});

// ---- indirect branches

/// To `target`, which has been checked against the limit, by way of the inline cache in the exit slot.
[[gnu::always_inline]] inline Step follow_indirect(Insn* exit, Core* c, u32 target) {
  if ((c->x.countdown -= exit->imm) < 0) [[unlikely]] {
    c->s.eip = target;
    return leave();
  }
  const JumpEntry& e = c->x.jumps[BlockCache::jump_index(target)];
  if (e.eip != target || e.context != c->x.context) [[unlikely]]
    return jump_slow(c, target);
  return go(e.entry, c);
}

template <class Target>
Step jmp_indirect(Insn* i, Core* c) {
  u32 target;
  if constexpr (Target::kMemory) {
    if (!Target::template load<u32>(i, c, target)) [[unlikely]]
      return Target::template miss<Access::Read, &jmp_indirect<General>>(i, c);
  } else {
    target = Target::template get<u32>(i, c);
  }
  if (target > c->x.cs_limit) [[unlikely]]
    return limit_fault(i, c);
  return follow_indirect(i + 1, c, target);
}

/// PUSH on a flat 32-bit stack by the fast path; false if the TLB does not know the page.
[[gnu::always_inline]] inline bool push_fast(Core* c, u32 value) {
  const u32 sp = c->s.gpr.data()[ESP] - 4;
  u8* p = host_to_write<u32>(c, sp);
  if (!p) [[unlikely]]
    return false;
  store_host(p, value);
  c->s.gpr.data()[ESP] = sp;
  return true;
}

template <class T>
bool push_return(Insn& i, Core& c) {
  return push<T>(c, static_cast<T>(i.next_eip()));
}

/// As follow(), after something that may have asked for a look around.
Step follow_checked(Insn* exit, Core* c) {
  if (!c->x.attention) return follow(exit, c);
  c->x.countdown -= exit->imm;
  return leave_at_exit(exit, c);
}

/// The rare cases of a near call: 16-bit, segmented or paged-out stack.
template <class T>
Step call_general(Insn* i, Core* c) {
  c->x.current = i;
  if (i[1].disp > c->x.cs_limit)
    c->raise(vector::GP, 0);
  else if (push_return<T>(*i, *c))
    return follow_checked(i + 1, c);
  return fault(i, c);
}

Step call(Insn* i, Core* c) {
  if (!push_fast(c, i[2].disp)) [[unlikely]]
    return call_general<u32>(i, c);
  return follow(i + 1, c);
}

template <class T>
Step call_indirect_general(Insn* i, Core* c) {
  c->x.current = i;
  T target;
  if (!load_rm<T>(*i, *c, i->d, target)) return fault(i, c);
  if (target > c->x.cs_limit) return limit_fault(i, c);
  if (!push_return<T>(*i, *c)) return fault(i, c);
  c->s.eip = target;
  return leave_redirected(i, c);
}

template <class Target>
Step call_indirect(Insn* i, Core* c) {
  u32 target;
  if constexpr (Target::kMemory) {
    if (!Target::template load<u32>(i, c, target)) [[unlikely]]
      return call_indirect_general<u32>(i, c);
  } else {
    target = Target::template get<u32>(i, c);
  }
  if (target > c->x.cs_limit) [[unlikely]]
    return limit_fault(i, c);
  if (!push_fast(c, i[2].disp)) [[unlikely]]
    return call_indirect_general<u32>(i, c);
  return follow_indirect(i + 1, c, target);
}

template <class T>
Step jmp_indirect16(Insn* i, Core* c) {
  c->x.current = i;
  T target;
  if (!load_rm<T>(*i, *c, i->d, target)) return fault(i, c);
  if (target > c->x.cs_limit) return limit_fault(i, c);
  c->s.eip = target;
  return leave_redirected(i, c);
}

template <class T>
Step ret_general(Insn* i, Core* c) {
  c->x.current = i;
  T target;
  if (!peek_stack<T>(*c, target)) return fault(i, c);
  if (target > c->x.cs_limit) return limit_fault(i, c);
  release_stack(*c, sizeof(T) + i->imm);
  c->s.eip = target;
  return leave_redirected(i, c);
}

Step ret(Insn* i, Core* c) {
  const u32 sp = c->s.gpr.data()[ESP];
  const u8* p = host_to_read<u32>(c, sp);
  if (!p) [[unlikely]]
    return ret_general<u32>(i, c);
  const u32 target = load_host<u32>(p);
  if (target > c->x.cs_limit) [[unlikely]]
    return limit_fault(i, c);
  c->s.gpr.data()[ESP] = sp + 4 + i->imm;
  return follow_indirect(i + 1, c, target);
}

bool flat(const Decoded& d) { return d.mode & mode::kFlat; }

/// In a flat segment no target at or below kFlatLimit needs a check.
bool target_checked(const Decoded& d) { return !flat(d) || d.target() > kFlatLimit; }

constexpr auto kJcc = make_table<16>([](auto cc) -> Handler { return jcc<cc>; });

/// A conditional jump past the limit faults only when it is taken.
template <u8 cc>
Step jcc_limited(Insn* i, Core* c) {
  const bool taken = condition<cc>(c->x.flags);
  if (taken && i[1].disp > c->x.cs_limit) return limit_fault(i, c);
  return follow_either(taken, i + 1, c);
}
constexpr auto kJccLimited = make_table<16>([](auto cc) -> Handler { return jcc_limited<cc>; });

template <class Count>
Handler select_loop_kind(u8 kind) {
  switch (kind) {
    case 0: return loop<Count, 0>;
    case 1: return loop<Count, 1>;
    case 2: return loop<Count, 2>;
    default: return loop<Count, 3>;
  }
}

}  // namespace

Handler select_jcc(const Decoded& d) {
  return target_checked(d) ? kJccLimited[d.row->argument] : kJcc[d.row->argument];
}

Handler select_fused(const Decoded& first, const Decoded& second) {
  if (!first.row || !second.row || second.row->select != select_jcc) return nullptr;
  if (target_checked(second)) return nullptr;
  const u8 cc = second.row->argument;
  if (first.row->select == select_alu && first.row->argument >= alu::Cmp && first.size != 2) {
    if (first.row->argument == alu::Cmp)
      return first.size == 1 ? select_compare_jump<alu::Cmp, u8>(first, cc)
                             : select_compare_jump<alu::Cmp, u32>(first, cc);
    return first.size == 1 ? select_compare_jump<alu::Test, u8>(first, cc)
                           : select_compare_jump<alu::Test, u32>(first, cc);
  }
  if (first.row->select == select_inc_dec && !first.memory && first.size == 4) {
    const int which = cc == kE ? 0 : cc == kNE ? 1 : cc == kS ? 2 : cc == kNS ? 3 : -1;
    if (which < 0) return nullptr;
    return (first.row->argument ? kCountJumps<true> : kCountJumps<false>)[which * 8 + first.d];
  }
  return nullptr;
}

Handler select_loop(const Decoded& d) {
  return d.address32 ? select_loop_kind<u32>(d.row->argument) : select_loop_kind<u16>(d.row->argument);
}

Handler select_jmp(const Decoded& d) { return target_checked(d) ? jmp_limited : jmp; }

Handler select_call(const Decoded& d) {
  if (!target_checked(d) && d.operand32) return call;
  return d.operand32 ? Handler(call_general<u32>) : Handler(call_general<u16>);
}

Handler select_jmp_indirect(const Decoded& d) {
  if (!d.operand32) return jmp_indirect16<u16>;
  if (!d.memory) return jmp_indirect<D>;
  return for_memory(d, []<class Memory>() -> Handler { return jmp_indirect<Memory>; });
}

Handler select_call_indirect(const Decoded& d) {
  if (!d.operand32) return call_indirect_general<u16>;
  if (!flat(d)) return call_indirect_general<u32>;
  if (!d.memory) return call_indirect<D>;
  if (!d.fast_memory()) return call_indirect_general<u32>;
  return for_memory(d, []<class Memory>() -> Handler {
    if constexpr (std::is_same_v<Memory, General>)
      return call_indirect_general<u32>;
    else
      return call_indirect<Memory>;
  });
}

Handler select_ret(const Decoded& d) {
  if (!d.operand32) return ret_general<u16>;
  return flat(d) ? ret : ret_general<u32>;
}

}  // namespace ringside
