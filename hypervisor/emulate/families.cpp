// What the families of emulated instructions do. Manual: Intel SDM vol. 2.
#include "hypervisor/emulate/emulator.h"

namespace ringside::emulation {

Step Emulator::alu_group(AluOperation operation) {
  // "op E, G", "op G, E" or "op E, immediate"; the forms on the accumulator do not touch memory.
  const Form first = d.row->operands[0];
  const bool to_register = first == Form::Gb || first == Form::Gv;
  u32 e = 0;
  if (to_register || operation == kCmp ? !load(d.size, e) : !load_for_update(d.size, e)) return Step::Fault;
  const u32 other = second();
  const u32 result =
      to_register ? alu(operation, other, e, d.size, s.eflags) : alu(operation, e, other, d.size, s.eflags);
  if (operation == kCmp) return Step::Done;
  if (to_register)
    set_reg(d.reg, d.size, result);
  else if (!store(d.size, result))
    return Step::Fault;
  return Step::Done;
}

Step Emulator::test() {
  u32 e = 0;
  if (!load(d.size, e)) return Step::Fault;
  alu(kAnd, e, second(), d.size, s.eflags);
  return Step::Done;
}

Step Emulator::unary_group3() {  // NOT, NEG
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  if (d.reg == 2) return store(d.size, ~e) ? Step::Done : Step::Fault;
  return store(d.size, alu(kSub, 0, e, d.size, s.eflags)) ? Step::Done : Step::Fault;
}

Step Emulator::multiply_divide() {
  u32 e = 0;
  if (!load(d.size, e)) return Step::Fault;
  const bool is_signed = d.reg & 1;
  // AX, DX:AX or EDX:EAX.
  auto set_pair = [&](u32 low, u32 high) {
    if (d.size == 1) return set_reg(EAX, 2, (low & 0xFF) | (high & 0xFF) << 8);
    set_reg(EAX, d.size, low);
    set_reg(EDX, d.size, high);
  };
  if (d.reg < 6) {
    bool overflow = false;
    const u64 product = multiply(is_signed, s.gpr[EAX], e, d.size, overflow);
    set_pair(static_cast<u32>(product), static_cast<u32>(product >> (8 * d.size)));
    s.eflags = (s.eflags & ~(eflags::CF | eflags::OF)) | (overflow ? eflags::CF | eflags::OF : 0);
    return Step::Done;
  }
  const u64 raw = d.size == 1   ? u64{reg(EAX, 2)}
                  : d.size == 2 ? u64{reg(EDX, 2)} << 16 | reg(EAX, 2)
                                : u64{s.gpr[EDX]} << 32 | s.gpr[EAX];
  const u64 dividend = !is_signed    ? raw
                       : d.size == 1 ? static_cast<u64>(static_cast<i64>(static_cast<i16>(raw)))
                       : d.size == 2 ? static_cast<u64>(static_cast<i64>(static_cast<i32>(raw)))
                                     : raw;
  u32 quotient = 0, remainder = 0;
  if (!divide(is_signed, dividend, e, d.size, quotient, remainder)) {
    fault_without_address(vector::DE, false);
    return Step::Fault;
  }
  set_pair(quotient, remainder);
  return Step::Done;
}

Step Emulator::imul_two_or_three() {
  u32 e = 0;
  if (!load(d.size, e)) return Step::Fault;
  const u32 other = d.opcode == 0x0FAF ? reg(d.reg, d.size) : d.imm;
  bool overflow = false;
  set_reg(d.reg, d.size, static_cast<u32>(multiply(true, e, other, d.size, overflow)));
  s.eflags = (s.eflags & ~(eflags::CF | eflags::OF)) | (overflow ? eflags::CF | eflags::OF : 0);
  return Step::Done;
}

Step Emulator::increment_decrement() {
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  const u32 result = d.reg == 0 ? increment(e, d.size, s.eflags) : decrement(e, d.size, s.eflags);
  return store(d.size, result) ? Step::Done : Step::Fault;
}

Step Emulator::shift_group(unsigned count) {
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  const u32 result = shift(static_cast<ShiftOperation>(d.reg), e, count, d.size, s.eflags);
  return store(d.size, result) ? Step::Done : Step::Fault;
}

Step Emulator::double_shift_of(unsigned count) {
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  const bool right = d.opcode >= 0x0FAC;
  return store(d.size, double_shift(right, e, reg(d.reg, d.size), count, d.size, s.eflags)) ? Step::Done
                                                                                            : Step::Fault;
}

Step Emulator::bit_test(BitOperation operation, bool register_index) {
  const unsigned bits = 8 * d.size;
  const u32 index = register_index ? reg(d.reg, d.size) : d.imm;
  if (register_index && d.memory) {
    // A bit string: the index is signed and chooses the word as well.
    const i32 word = static_cast<i32>(sign_extend(index, d.size)) >> (d.size == 4 ? 5 : 4);
    bit_displacement_ = static_cast<u32>(word) * d.size;
  }
  u32 e = 0;
  if (operation == kTest ? !load(d.size, e) : !load_for_update(d.size, e)) return Step::Fault;
  const u32 result = bit_operation(operation, e, index % bits, s.eflags);
  return operation == kTest || store(d.size, result) ? Step::Done : Step::Fault;
}

Step Emulator::exchange() {
  u32 e = 0;
  if (!load_for_update(d.size, e) || !store(d.size, reg(d.reg, d.size))) return Step::Fault;
  set_reg(d.reg, d.size, e);
  return Step::Done;
}

Step Emulator::compare_exchange() {
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  alu(kCmp, reg(EAX, d.size), e, d.size, s.eflags);
  // The destination is written in either case: the bus sees a read and a write.
  if (s.eflags & eflags::ZF) return store(d.size, reg(d.reg, d.size)) ? Step::Done : Step::Fault;
  if (!store(d.size, e)) return Step::Fault;
  set_reg(EAX, d.size, e);
  return Step::Done;
}

Step Emulator::compare_exchange_8_bytes() {
  LinearAddr at;
  u32 low = 0, high = 0;
  if (!effective_address(8, Access::Write, at) || !m.check(at, 8, Access::Write) || !m.read(at, 4, low) ||
      !m.read(at + 4, 4, high))
    return Step::Fault;
  const bool equal = low == s.gpr[EAX] && high == s.gpr[EDX];
  s.eflags = (s.eflags & ~eflags::ZF) | (equal ? eflags::ZF : 0);
  if (!m.write(at, 4, equal ? s.gpr[EBX] : low) || !m.write(at + 4, 4, equal ? s.gpr[ECX] : high))
    return Step::Fault;
  if (!equal) {
    s.gpr[EAX] = low;
    s.gpr[EDX] = high;
  }
  return Step::Done;
}

Step Emulator::exchange_add() {
  u32 e = 0;
  if (!load_for_update(d.size, e)) return Step::Fault;
  const u32 sum = alu(kAdd, e, reg(d.reg, d.size), d.size, s.eflags);
  if (d.memory) {
    if (!store(d.size, sum)) return Step::Fault;
    set_reg(d.reg, d.size, e);
  } else {
    set_reg(d.reg, d.size, e);
    set_reg(d.rm, d.size, sum);
  }
  return Step::Done;
}

Step Emulator::move_extended(unsigned source_size, bool sign) {
  u32 e = 0;
  if (!load(source_size, e)) return Step::Fault;
  set_reg(d.reg, d.size, sign ? sign_extend(e, source_size) : e);
  return Step::Done;
}

Step Emulator::push_value(u32 value) {
  const unsigned size = d.operand32 ? 4 : 2, stack = s.seg[SS].big() ? 4 : 2;
  const u32 top = reg(ESP, stack);
  const u32 offset = (top - size) & mask_of(stack);
  LinearAddr at;
  if (!segment(SS, offset, size, Access::Write, at) || !m.write(at, size, value & mask_of(size)))
    return Step::Fault;
  set_reg(ESP, stack, offset);
  return Step::Done;
}

Step Emulator::pop_operand() {
  const unsigned size = d.operand32 ? 4 : 2, stack = s.seg[SS].big() ? 4 : 2;
  LinearAddr at;
  u32 value = 0;
  if (!segment(SS, reg(ESP, stack), size, Access::Read, at) || !m.read(at, size, value)) return Step::Fault;
  set_reg(ESP, stack,
          reg(ESP, stack) + size);  // before the address of the operand is formed, which may use ESP
  if (d.opcode != 0x8F) {
    set_reg(d.opcode & 7, size, value);
    return Step::Done;
  }
  return store(size, value) ? Step::Done : Step::Fault;
}

Step Emulator::string_operation() {
  const unsigned address_size = d.address32 ? 4 : 2;
  if (!d.rep) return string_iteration(address_size);
  if (reg(ECX, address_size) == 0) return Step::Done;
  const Step step = string_iteration(address_size);
  if (step != Step::Done) return step;
  set_reg(ECX, address_size, reg(ECX, address_size) - 1);
  const bool compares = (d.opcode & 0xFE) == 0xA6 || (d.opcode & 0xFE) == 0xAE;
  const bool wanted =
      compares && bool(s.eflags & eflags::ZF) != (d.rep == 0xF3);  // REPE stops at NE, REPNE at E
  return reg(ECX, address_size) == 0 || wanted ? Step::Done : Step::Again;
}

Step Emulator::string_iteration(unsigned address_size) {
  const unsigned kind = d.opcode & 0xFE;
  const bool reads_source = kind == 0xA4 || kind == 0xA6 || kind == 0xAC;
  const bool uses_destination = kind != 0xAC;
  const bool writes = kind == 0xA4 || kind == 0xAA;
  LinearAddr source, destination;
  u32 value = reg(EAX, d.size), other = 0;
  // All rights first, so that no device is read in vain.
  if (reads_source && !segment(d.seg, reg(ESI, address_size), d.size, Access::Read, source))
    return Step::Fault;
  if (uses_destination &&
      !segment(ES, reg(EDI, address_size), d.size, writes ? Access::Write : Access::Read, destination))
    return Step::Fault;
  if (writes && !m.check(destination, d.size, Access::Write)) return Step::Fault;
  if (kind == 0xA6 && !m.check(destination, d.size, Access::Read)) return Step::Fault;
  if (reads_source && !m.read(source, d.size, value)) return Step::Fault;
  if (writes && !m.write(destination, d.size, value)) return Step::Fault;
  if (uses_destination && !writes) {
    if (!m.read(destination, d.size, other)) return Step::Fault;
    alu(kCmp, value, other, d.size, s.eflags);
  }
  if (kind == 0xAC) set_reg(EAX, d.size, value);
  const u32 delta = s.eflags & eflags::DF ? u32{0} - d.size : u32{d.size};
  if (reads_source) set_reg(ESI, address_size, reg(ESI, address_size) + delta);
  if (uses_destination) set_reg(EDI, address_size, reg(EDI, address_size) + delta);
  return Step::Done;
}

}  // namespace ringside::emulation
