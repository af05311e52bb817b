// The arithmetic family with a memory operand.
#include "cpu/execute/alu.h"
#include "cpu/execute/choose.h"

namespace ringside::alu {

namespace {

template <u8 op, unsigned live>
Handler select(const Decoded& d) {
  const Form first = d.row->operands[0], second = d.row->operands[1];
  const bool to_register = first == Form::Gb || first == Form::Gv;
  const bool immediate = second == Form::Ib || second == Form::Iz || second == Form::Is;
  const auto with = [&]<class T, class Memory>() -> Handler {
    if (to_register) return binary<op, live, T, D, Memory>;
    if (immediate) return binary<op, live, T, Memory, Imm>;
    return binary<op, live, T, Memory, S>;
  };
  if (d.size == 2) return with.template operator()<u16, General>();
  return for_memory(d, [&]<class Memory>() -> Handler {
    return d.size == 1 ? with.template operator()<u8, Memory>() : with.template operator()<u32, Memory>();
  });
}

template <u8 op>
Handler select(const Decoded& d) {
  if constexpr (Operation<op>::kWrites)
    if (d.live() == 0) return select<op, 0>(d);
  return select<op, kAll>(d);
}

}  // namespace

Handler select_memory(const Decoded& d) {
  switch (d.row->argument) {
    case Add: return select<Add>(d);
    case Or: return select<Or>(d);
    case Adc: return select<Adc>(d);
    case Sbb: return select<Sbb>(d);
    case And: return select<And>(d);
    case Sub: return select<Sub>(d);
    case Xor: return select<Xor>(d);
    case Cmp: return select<Cmp>(d);
    default: return select<Test>(d);
  }
}

}  // namespace ringside::alu
