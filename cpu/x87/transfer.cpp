// Between the register stack and memory, and within the stack.
#include "cpu/x87/bodies.h"
#include "cpu/x87/unit.h"

namespace ringside::x87 {

namespace {

bool push_checked(FpuState& f, const Float80& value) {
  if (!f.empty(7)) {
    if (stack_overflow(f)) push(f, kIndefinite);
  } else {
    set_conditions(f, C1, 0);
    push(f, value);
  }
  return true;
}

template <u32 bytes, host_float::Load convert>
bool load(Insn& i, Core& c) {
  u8 memory[bytes];
  if (!read_operand(i, c, memory, bytes)) return false;
  FpuState& f = c.fpu;
  if (!f.empty(7)) return push_checked(f, kIndefinite);
  Result r;
  convert(f.control, memory, r);
  if (accept(f, r, 0, IE)) push(f, r.value);  // a denormal number is loaded even if DE is not masked
  return true;
}

/// Nothing has changed if the store faults.
template <u32 bytes, host_float::Store convert>
bool store(Insn& i, Core& c, bool pops) {
  FpuState f = c.fpu;
  u8 memory[bytes] = {};
  bool stores;
  Result r;
  if (f.empty(0)) {
    convert(FpuState::kInitialControl, kIndefinite, memory, r);
    stores = stack_underflow(f);
  } else {
    convert(f.control, st(f, 0), memory, r);
    stores = accept(f, r, 0, kStopsStore);
  }
  if (stores) {
    if (!write_operand(i, c, memory, bytes)) return false;
    if (pops) pop(f);
  }
  c.fpu = f;
  return true;
}

/// Of FST and FIST the reg field is 2, of FSTP and FISTP 3.
bool pops(const Insn& i) { return reg_field(i) & 1; }

bool move(FpuState& f, unsigned to, bool pops) {
  const bool goes_on = f.empty(0) ? stack_underflow(f) : (set_conditions(f, C1, 0), true);
  if (!goes_on) return true;
  put(f, to, f.empty(0) ? kIndefinite : st(f, 0));
  if (pops) pop(f);
  return true;
}

}  // namespace

bool load_real32(Insn& i, Core& c) { return load<4, host_float::load_real32>(i, c); }
bool load_real64(Insn& i, Core& c) { return load<8, host_float::load_real64>(i, c); }
bool load_integer16(Insn& i, Core& c) { return load<2, host_float::load_integer16>(i, c); }
bool load_integer32(Insn& i, Core& c) { return load<4, host_float::load_integer32>(i, c); }
bool load_integer64(Insn& i, Core& c) { return load<8, host_float::load_integer64>(i, c); }
bool load_decimal(Insn& i, Core& c) { return load<10, host_float::load_decimal>(i, c); }

bool load_real80(Insn& i, Core& c) {
  u8 memory[10];
  if (!read_operand(i, c, memory, sizeof memory)) return false;
  return push_checked(c.fpu, {load_host<u64>(memory), load_host<u16>(memory + 8)});
}

bool load_register(Insn& i, Core& c) {
  FpuState& f = c.fpu;
  const unsigned from = stack_index(i);
  if (!f.empty(from)) return push_checked(f, st(f, from));
  if (stack_underflow(f)) push(f, kIndefinite);
  return true;
}

bool load_constant(Insn& i, Core& c) {
  Result r;
  host_float::kConstants[stack_index(i)](c.fpu.control, nullptr, r);
  return push_checked(c.fpu, r.value);
}

bool store_real32(Insn& i, Core& c) { return store<4, host_float::store_real32>(i, c, pops(i)); }
bool store_real64(Insn& i, Core& c) { return store<8, host_float::store_real64>(i, c, pops(i)); }
bool store_integer16(Insn& i, Core& c) { return store<2, host_float::store_integer16>(i, c, pops(i)); }
bool store_integer32(Insn& i, Core& c) { return store<4, host_float::store_integer32>(i, c, pops(i)); }
bool store_integer64(Insn& i, Core& c) { return store<8, host_float::store_integer64>(i, c, true); }
bool store_decimal(Insn& i, Core& c) { return store<10, host_float::store_decimal>(i, c, true); }

bool store_real80(Insn& i, Core& c) {
  FpuState f = c.fpu;
  const bool stores = f.empty(0) ? stack_underflow(f) : (set_conditions(f, C1, 0), true);
  if (stores) {
    const Float80 value = f.empty(0) ? kIndefinite : st(f, 0);
    u8 memory[10];
    store_host<u64>(memory, value.significand);
    store_host<u16>(memory + 8, value.sign_exponent);
    if (!write_operand(i, c, memory, sizeof memory)) return false;
    pop(f);
  }
  c.fpu = f;
  return true;
}

bool store_register(Insn& i, Core& c) { return move(c.fpu, stack_index(i), false); }
bool store_register_pop(Insn& i, Core& c) { return move(c.fpu, stack_index(i), true); }

bool move_register_pop(Insn& i, Core& c) {
  FpuState& f = c.fpu;
  if (!f.empty(0)) put(f, stack_index(i), st(f, 0));
  pop(f);
  set_conditions(f, C1, 0);
  return true;
}

bool exchange(Insn& i, Core& c) {
  FpuState& f = c.fpu;
  const unsigned other = stack_index(i);
  if (f.empty(0) || f.empty(other)) {
    if (!stack_underflow(f)) return true;
    for (unsigned n : {0u, other})
      if (f.empty(n)) put(f, n, kIndefinite);
  } else {
    set_conditions(f, C1, 0);
  }
  std::swap(st(f, 0), st(f, other));
  return true;
}

}  // namespace ringside::x87
