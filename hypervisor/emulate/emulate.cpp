#include "hypervisor/emulate/emulate.h"

#include <algorithm>
#include <array>

#include "hypervisor/emulate/emulator.h"

namespace ringside {
namespace emulation {

Step Emulator::decode_at_eip() {
  std::array<u8, kMaxInstructionLength> bytes{};
  const LinearAddr start(s.seg[CS].base + s.eip);
  unsigned available = std::min<u32>(bytes.size(), kPageSize - start.offset());
  if (!m.fetch(start, {bytes.data(), available})) return Step::Fault;
  DecodeStatus status = decode(bytes.data(), available, s.seg[CS].big(), model_, d);
  if (status == DecodeStatus::Truncated) {  // it continues on the next page
    const std::span<u8> rest(bytes.data() + available, bytes.size() - available);
    if (!m.fetch(start + available, rest)) return Step::Fault;
    d = {};
    status = decode(bytes.data(), bytes.size(), s.seg[CS].big(), model_, d);
  }
  if (status == DecodeStatus::Ok) return Step::Done;
  fault_without_address(status == DecodeStatus::Undefined ? vector::UD : vector::GP,
                        status != DecodeStatus::Undefined);
  return Step::Fault;
}

Step Emulator::execute() {
  const u16 op = d.opcode;
  u32 value = 0;
  if (op < 0x40 && (op & 7) < 4) return alu_group(static_cast<AluOperation>(op >> 3));
  if (op >= 0x50 && op < 0x58) return push_value(s.gpr[op & 7]);
  if (op >= 0x58 && op < 0x60) return pop_operand();
  if (op >= 0x0F40 && op < 0x0F50) {
    if (!load(d.size, value)) return Step::Fault;  // read even if the condition is false
    if (condition(op & 15, s.eflags)) set_reg(d.reg, d.size, value);
    return Step::Done;
  }
  if (op >= 0x0F90 && op < 0x0FA0) return store(1, condition(op & 15, s.eflags)) ? Step::Done : Step::Fault;

  switch (op) {
    case 0x68:
    case 0x6A: return push_value(d.imm);
    case 0x69:
    case 0x6B:
    case 0x0FAF: return imul_two_or_three();
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83: return alu_group(static_cast<AluOperation>(d.reg));
    case 0x84:
    case 0x85: return test();
    case 0x86:
    case 0x87: return exchange();
    case 0x88:
    case 0x89: return store(d.size, reg(d.reg, d.size)) ? Step::Done : Step::Fault;
    case 0x8A:
    case 0x8B:
      if (!load(d.size, value)) return Step::Fault;
      set_reg(d.reg, d.size, value);
      return Step::Done;
    case 0x8C:  // to memory always 16 bits
      if (d.memory) return store(2, s.seg[d.reg].selector) ? Step::Done : Step::Fault;
      return store(d.size, s.seg[d.reg].selector) ? Step::Done : Step::Fault;
    case 0x8F: return pop_operand();
    case 0xA0:
    case 0xA1:
      if (!load(d.size, value)) return Step::Fault;
      set_reg(EAX, d.size, value);
      return Step::Done;
    case 0xA2:
    case 0xA3: return store(d.size, reg(EAX, d.size)) ? Step::Done : Step::Fault;
    case 0xA4:
    case 0xA5:
    case 0xA6:
    case 0xA7:
    case 0xAA:
    case 0xAB:
    case 0xAC:
    case 0xAD:
    case 0xAE:
    case 0xAF: return string_operation();
    case 0xC0:
    case 0xC1: return shift_group(d.imm);
    case 0xC6:
    case 0xC7: return store(d.size, d.imm) ? Step::Done : Step::Fault;
    case 0xD0:
    case 0xD1: return shift_group(1);
    case 0xD2:
    case 0xD3: return shift_group(reg(ECX, 1));
    case 0xF6:
    case 0xF7: return d.reg < 2 ? test() : d.reg < 4 ? unary_group3() : multiply_divide();
    case 0xFE: return increment_decrement();
    case 0xFF:
      if (d.reg < 2) return increment_decrement();
      if (d.reg != 6) return Step::Unmodelled;
      return load(d.size, value) ? push_value(value) : Step::Fault;
    case 0x0FA3: return bit_test(kTest, true);
    case 0x0FAB: return bit_test(kSet, true);
    case 0x0FB3: return bit_test(kReset, true);
    case 0x0FBB: return bit_test(kComplement, true);
    case 0x0FBA: return bit_test(static_cast<BitOperation>(d.reg & 3), false);
    case 0x0FA4:
    case 0x0FAC: return double_shift_of(d.imm);
    case 0x0FA5:
    case 0x0FAD: return double_shift_of(reg(ECX, 1));
    case 0x0FB0:
    case 0x0FB1: return compare_exchange();
    case 0x0FB6: return move_extended(1, false);
    case 0x0FB7: return move_extended(2, false);
    case 0x0FBE: return move_extended(1, true);
    case 0x0FBF: return move_extended(2, true);
    case 0x0FBC:
    case 0x0FBD:
      if (!load(d.size, value)) return Step::Fault;
      set_reg(d.reg, d.size, bit_scan(op & 1, value, reg(d.reg, d.size), d.size, s.eflags));
      return Step::Done;
    case 0x0FC0:
    case 0x0FC1: return exchange_add();
    case 0x0FC7: return compare_exchange_8_bytes();
    default: return Step::Unmodelled;
  }
}

Emulation Emulator::run(CpuState& state) {
  Step step = decode_at_eip();
  if (step == Step::Done) step = execute();
  switch (step) {
    case Step::Fault: return {.kind = Emulation::Kind::Fault, .fault = m.fault};
    case Step::Unmodelled: return {.kind = Emulation::Kind::Unmodelled, .what = d.row->mnemonic};
    case Step::Again: state = s; return {.kind = Emulation::Kind::Again};
    case Step::Done: break;
  }
  state = s;
  state.eip += d.length;
  return {.kind = Emulation::Kind::Done};
}

}  // namespace emulation

Emulation emulate(CpuState& state, GuestOperands& operands, CpuModel model) {
  return emulation::Emulator(state, operands, model).run(state);
}

}  // namespace ringside
