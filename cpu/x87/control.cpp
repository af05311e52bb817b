// Control and status words, the environment and the whole state in memory.
// Manual: Intel SDM vol. 1 sections 8.1.10 (formats), 8.1.3-8.1.8; figures 8-9 to 8-12.
#include "cpu/execute/cold.h"
#include "cpu/x87/bodies.h"
#include "cpu/x87/unit.h"

namespace ringside::x87 {

namespace {

constexpr u16 kControlBits = 0x1F3F, kControlFixed = 0x40;

void set_control(FpuState& f, u16 value) {
  f.control = static_cast<u16>((value & kControlBits) | kControlFixed);
  summarise(f);
}

/// Two bits for each register: valid, zero, special, empty.
unsigned tag(const Float80& r) {
  const unsigned exponent = r.sign_exponent & 0x7FFF;
  if (exponent == 0 && r.significand == 0) return 1;
  return exponent == 0 || exponent == 0x7FFF || !(r.significand >> 63) ? 2 : 0;
}

u16 tag_word(const FpuState& f) {
  unsigned word = 0;
  for (unsigned n = 0; n < 8; ++n) word |= (f.valid >> n & 1 ? tag(f.registers[n]) : 3) << (2 * n);
  return static_cast<u16>(word);
}

void set_tag_word(FpuState& f, u16 word) {
  f.valid = 0;
  for (unsigned n = 0; n < 8; ++n)
    if ((word >> (2 * n) & 3) != 3) f.valid = static_cast<u8>(f.valid | 1u << n);
}

/// In real and virtual-8086 mode addresses are kept linear, in protected mode as selector and offset.
bool real_format(const Core& c) { return !c.s.protected_mode() || c.s.virtual_8086(); }

/// The environment's seven fields, of the size of T; the upper halves of 32-bit words are ones.
template <class T>
struct Environment {
  static constexpr u32 kReserved = sizeof(T) == 4 ? 0xFFFF0000u : 0;
  static constexpr u32 kFields = 7, kBytes = kFields * sizeof(T);
  T field[kFields];

  static Environment of(const Core& c) {
    const FpuState& f = c.fpu;
    Environment e;
    const auto set = [&](unsigned n, u32 value) { e.field[n] = static_cast<T>(value); };
    set(0, f.control | kReserved);
    set(1, f.status | kReserved);
    set(2, tag_word(f) | kReserved);
    if (real_format(c)) {
      constexpr u32 kMask = sizeof(T) == 4 ? 0xFFFF : 0xF;
      const u32 instruction = f.instruction + (u32{f.cs} << 4), operand = f.operand + (u32{f.ds} << 4);
      set(3, (instruction & 0xFFFF) | kReserved);
      set(4, (instruction >> 16 & kMask) << 12 | f.opcode);
      set(5, (operand & 0xFFFF) | kReserved);
      set(6, (operand >> 16 & kMask) << 12);
    } else if (sizeof(T) == 4) {
      set(3, f.instruction);
      set(4, f.cs | u32{f.opcode} << 16);
      set(5, f.operand);
      set(6, f.ds | kReserved);
    } else {
      set(3, f.instruction);
      set(4, f.cs);
      set(5, f.operand);
      set(6, f.ds);
    }
    return e;
  }

  void to(Core& c) const {
    FpuState& f = c.fpu;
    f.status = static_cast<u16>(field[1]);
    set_tag_word(f, static_cast<u16>(field[2]));
    f.cs = f.ds = 0;
    if (real_format(c)) {
      f.opcode = field[4] & 0x7FF;
      f.instruction = (field[3] & 0xFFFF) | (static_cast<u32>(field[4]) >> 12 & 0xFFFF) << 16;
      f.operand = (field[5] & 0xFFFF) | (static_cast<u32>(field[6]) >> 12 & 0xFFFF) << 16;
    } else {
      if (sizeof(T) == 4) f.opcode = static_cast<u32>(field[4]) >> 16 & 0x7FF;
      f.instruction = field[3];
      f.cs = static_cast<u16>(field[4]);
      f.operand = field[5];
      f.ds = static_cast<u16>(field[6]);
    }
    set_control(f, static_cast<u16>(field[0]));
  }
};

constexpr u32 kRegisterBytes = 10;

template <class T>
bool load_environment(Insn& i, Core& c) {
  Environment<T> e;
  if (!read_operand(i, c, e.field, e.kBytes, sizeof(T))) return false;
  e.to(c);
  return true;
}

template <class T>
bool store_environment(Insn& i, Core& c) {
  const auto e = Environment<T>::of(c);
  if (!write_operand(i, c, e.field, e.kBytes, sizeof(T))) return false;
  set_control(c.fpu, c.fpu.control | kExceptions);
  return true;
}

template <class T>
bool restore(Insn& i, Core& c) {
  u8 image[Environment<T>::kBytes + 8 * kRegisterBytes];
  if (!read_operand(i, c, image, sizeof image, sizeof(T))) return false;
  Environment<T> e;
  std::memcpy(e.field, image, e.kBytes);
  e.to(c);
  for (unsigned n = 0; n < 8; ++n) {
    const u8* p = image + e.kBytes + n * kRegisterBytes;
    st(c.fpu, n) = {load_host<u64>(p), load_host<u16>(p + 8)};
  }
  return true;
}

template <class T>
bool save(Insn& i, Core& c) {
  u8 image[Environment<T>::kBytes + 8 * kRegisterBytes];
  const auto e = Environment<T>::of(c);
  std::memcpy(image, e.field, e.kBytes);
  for (unsigned n = 0; n < 8; ++n) {
    u8* p = image + e.kBytes + n * kRegisterBytes;
    store_host<u64>(p, st(c.fpu, n).significand);
    store_host<u16>(p + 8, st(c.fpu, n).sign_exponent);
  }
  return write_operand(i, c, image, sizeof image, sizeof(T)) && initialise(i, c);
}

}  // namespace

bool nothing(Insn&, Core&) { return true; }

bool free_register(Insn& i, Core& c) {
  release(c.fpu, stack_index(i));
  return true;
}
bool free_register_pop(Insn& i, Core& c) {
  release(c.fpu, stack_index(i));
  pop(c.fpu);
  set_conditions(c.fpu, C1, 0);
  return true;
}
bool increment_top(Insn&, Core& c) {
  c.fpu.set_top(c.fpu.top() + 1);
  set_conditions(c.fpu, C1, 0);
  return true;
}
bool decrement_top(Insn&, Core& c) {
  c.fpu.set_top(c.fpu.top() - 1);
  set_conditions(c.fpu, C1, 0);
  return true;
}

bool initialise(Insn&, Core& c) {
  FpuState& f = c.fpu;
  f.control = FpuState::kInitialControl;
  f.status = 0;
  f.valid = 0;
  f.opcode = f.cs = f.ds = 0;
  f.instruction = f.operand = 0;
  f.error_ignored = false;
  return true;
}

bool clear_exceptions(Insn&, Core& c) {
  c.fpu.status = static_cast<u16>(c.fpu.status & ~(kExceptions | SF | ES | B));
  c.fpu.error_ignored = false;
  return true;
}

bool load_control(Insn& i, Core& c) {
  u16 value;
  if (!read_operand(i, c, &value, sizeof value)) return false;
  set_control(c.fpu, value);
  return true;
}
bool store_control(Insn& i, Core& c) { return write_operand(i, c, &c.fpu.control, sizeof c.fpu.control); }
bool store_status(Insn& i, Core& c) { return write_operand(i, c, &c.fpu.status, sizeof c.fpu.status); }
bool store_status_to_ax(Insn&, Core& c) {
  set_register<u16>(&c, EAX, c.fpu.status);
  return true;
}

bool load_environment16(Insn& i, Core& c) { return load_environment<u16>(i, c); }
bool load_environment32(Insn& i, Core& c) { return load_environment<u32>(i, c); }
bool store_environment16(Insn& i, Core& c) { return store_environment<u16>(i, c); }
bool store_environment32(Insn& i, Core& c) { return store_environment<u32>(i, c); }
bool restore16(Insn& i, Core& c) { return restore<u16>(i, c); }
bool restore32(Insn& i, Core& c) { return restore<u32>(i, c); }
bool save16(Insn& i, Core& c) { return save<u16>(i, c); }
bool save32(Insn& i, Core& c) { return save<u32>(i, c); }

}  // namespace ringside::x87
