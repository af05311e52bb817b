// The arithmetic family between registers and immediates.
#include "cpu/execute/alu.h"
#include "cpu/execute/choose.h"

namespace ringside::alu {

namespace {

/// No flags wanted, or all: the pairs of registers have a handler each.
template <u8 op, unsigned live>
constexpr auto kPairs = make_table<64>([](auto n) -> Handler {
  return binary<op, live, u32, Reg<n / 8>, Reg<n % 8>>;
});
template <u8 op, unsigned live>
constexpr auto kImmediate = make_table<8>([](auto n) -> Handler {
  return binary<op, live, u32, Reg<n>, Imm>;
});

template <u8 op, unsigned live>
Handler select(const Decoded& d, bool immediate) {
  if (d.size == 1)
    return immediate ? Handler(binary<op, live, u8, D, Imm>) : Handler(binary<op, live, u8, D, S>);
  if (d.size == 2)
    return immediate ? Handler(binary<op, kAll, u16, D, Imm>) : Handler(binary<op, kAll, u16, D, S>);
  if (immediate) return kImmediate<op, live>[d.d];
  if constexpr (live == kCarry || op == Sbb || op == Or)
    return binary<op, live, u32, D, S>;
  else
    return kPairs<op, live>[d.d * 8 + d.s];
}

template <u8 op>
Handler select(const Decoded& d, bool immediate) {
  const unsigned live = Operation<op>::kWrites ? d.live() : kAll;
  if (live == 0) {
    if constexpr (Operation<op>::kWrites) return select<op, 0>(d, immediate);
  }
  if (live == kCarry) return select<op, kCarry>(d, immediate);
  return select<op, kAll>(d, immediate);
}

}  // namespace

Handler select_registers(const Decoded& d) {
  const Form source = d.row->operands[1];
  const bool immediate = source == Form::Ib || source == Form::Iz || source == Form::Is;
  switch (d.row->argument) {
    case Add: return select<Add>(d, immediate);
    case Or: return select<Or>(d, immediate);
    case Adc: return select<Adc>(d, immediate);
    case Sbb: return select<Sbb>(d, immediate);
    case And: return select<And>(d, immediate);
    case Sub: return select<Sub>(d, immediate);
    case Xor: return select<Xor>(d, immediate);
    case Cmp: return select<Cmp>(d, immediate);
    default: return select<Test>(d, immediate);
  }
}

}  // namespace ringside::alu
