// XADD CMPXCHG CMPXCHG8B.
#include "cpu/execute/alu.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

struct Xadd {
  template <class T>
  static bool run(Insn& i, Core& c) {
    T a;
    if (!update_rm<T>(i, c, i.d, a)) return false;
    const T b = get_register<T>(&c, i.s), sum = static_cast<T>(a + b);
    if (i.memory()) {
      if (!store_updated<T>(&c, sum)) return false;
      set_register<T>(&c, i.s, a);
    } else {  // with the same register twice the sum stays
      set_register<T>(&c, i.s, a);
      set_register<T>(&c, i.d, sum);
    }
    alu::Operation<alu::Add>::set_flags<alu::kAll>(&c, a, b, sum);
    return true;
  }
};

/// The destination is written in either case: with its own value if the comparison fails.
struct CompareExchange {
  template <class T>
  static bool run(Insn& i, Core& c) {
    T old;
    if (!update_rm<T>(i, c, i.d, old)) return false;
    const T expected = get_register<T>(&c, EAX);
    const bool equal = expected == old;
    if (!write_back_rm<T>(i, c, i.d, equal ? get_register<T>(&c, i.s) : old)) return false;
    if (!equal) set_register<T>(&c, EAX, old);
    alu::Operation<alu::Cmp>::set_flags<alu::kAll>(&c, expected, old, static_cast<T>(expected - old));
    return true;
  }
};

bool compare_exchange_8(Insn& i, Core& c) {
  const Seg seg = static_cast<Seg>(i.segment());
  LinearAddr linear;
  if (!segment_address(c, seg, effective_offset(i, c), 8, Access::Write, linear)) return false;
  u64 old;
  if (!check_writable(c, linear, 8, c.user()) || !read_linear<u64>(c, linear, old, c.user())) return false;
  auto& gpr = c.s.gpr;
  const bool equal = old == (static_cast<u64>(gpr[EDX]) << 32 | gpr[EAX]);
  const u64 value = equal ? static_cast<u64>(gpr[ECX]) << 32 | gpr[EBX] : old;
  if (!write_linear<u64>(c, linear, value, c.user())) return false;
  if (!equal) {
    gpr[EAX] = static_cast<u32>(old);
    gpr[EDX] = static_cast<u32>(old >> 32);
  }
  const u32 flags = c.x.flags.image();
  c.x.flags.set_image(equal ? flags | eflags::ZF : flags & ~eflags::ZF);
  return true;
}

}  // namespace

Handler select_xadd(const Decoded& d) { return cold_by_size<Xadd>(d); }
Handler select_cmpxchg(const Decoded& d) { return cold_by_size<CompareExchange>(d); }
Handler select_cmpxchg8b(const Decoded&) { return cold<compare_exchange_8>; }

}  // namespace ringside
