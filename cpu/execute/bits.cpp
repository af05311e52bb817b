// BT BTS BTR BTC, BSF BSR.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

enum : u8 { kTest, kSet, kReset, kComplement };

template <u8 op, class T>
T changed(T v, T bit) {
  return op == kSet ? v | bit : op == kReset ? static_cast<T>(v & ~bit) : op == kComplement ? v ^ bit : v;
}

/// With a register as bit offset a memory operand is a bit string that extends both ways from its address.
template <u8 op, bool immediate>
struct BitTest {
  template <class T>
  static bool run(Insn& i, Core& c) {
    constexpr unsigned w = 8 * sizeof(T);
    const T offset = immediate ? static_cast<T>(i.imm) : get_register<T>(&c, i.s);
    const T bit = static_cast<T>(T{1} << (offset % w));
    if (!i.memory()) {
      const T v = get_register<T>(&c, i.d);
      c.x.flags.carry = (v & bit) != 0;
      set_register<T>(&c, i.d, changed<op>(v, bit));
      return true;
    }
    Insn place = i;
    if (!immediate) {
      const i32 words = static_cast<i32>(static_cast<std::make_signed_t<T>>(offset)) >> (w == 32 ? 5 : 4);
      place.disp += static_cast<u32>(words) * sizeof(T);
    }
    const u32 address = effective_offset(place, c);
    const Seg seg = static_cast<Seg>(i.segment());
    T v;
    if (op != kTest) {
      LinearAddr linear;
      if (!segment_address(c, seg, address, sizeof(T), Access::Write, linear) ||
          !check_writable(c, linear, sizeof(T), c.user()))
        return false;
    }
    if (!load_at<T>(c, seg, address, v)) return false;
    if (op != kTest && !store_at<T>(c, seg, address, changed<op>(v, bit))) return false;
    c.x.flags.carry = (v & bit) != 0;
    return true;
  }
};

/// With a source of 0, ZF is set and the destination stays as it was (undefined by the manual, relied upon by
/// all).
template <bool reverse>
struct BitScan {
  template <class T>
  static bool run(Insn& i, Core& c) {
    T v;
    if (!load_rm<T>(i, c, i.s, v)) return false;
    c.x.flags.carry = 0;
    c.x.flags.set_logic(v);
    if (v) set_register<T>(&c, i.d, static_cast<T>(reverse ? 31 - __builtin_clz(v) : __builtin_ctz(v)));
    return true;
  }
};

template <bool immediate>
Handler select_bit_test_by(const Decoded& d) {
  switch (d.row->argument) {
    case kTest: return cold_by_wide_size<BitTest<kTest, immediate>>(d);
    case kSet: return cold_by_wide_size<BitTest<kSet, immediate>>(d);
    case kReset: return cold_by_wide_size<BitTest<kReset, immediate>>(d);
    default: return cold_by_wide_size<BitTest<kComplement, immediate>>(d);
  }
}

}  // namespace

Handler select_bit_test(const Decoded& d) {
  return d.row->operands[1] == Form::Ib ? select_bit_test_by<true>(d) : select_bit_test_by<false>(d);
}

Handler select_bit_scan(const Decoded& d) {
  return d.row->argument ? cold_by_wide_size<BitScan<true>>(d) : cold_by_wide_size<BitScan<false>>(d);
}

}  // namespace ringside
