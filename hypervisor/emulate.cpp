#include "hypervisor/emulate.h"

#include <algorithm>
#include <array>

#include "cpu/decode.h"
#include "hypervisor/emulate_arithmetic.h"

namespace ringside {
namespace {

using namespace arithmetic;

/// How a family's function ended.
enum class Step : u8 { Done, Again, Fault, Unmodelled };

/// One instruction. Works on a copy of the state, which run() commits if the instruction completes.
class Emulator {
 public:
  Emulator(const CpuState& before, GuestOperands& memory, CpuModel model)
      : s(before), m(memory), model_(model) {}

  Emulation run(CpuState& state);

 private:
  Step decode_at_eip();
  Step execute();

  // -- families
  Step alu_group(AluOperation);
  Step test();
  Step unary_group3();
  Step multiply_divide();
  Step imul_two_or_three();
  Step increment_decrement();
  Step shift_group(unsigned count);
  Step double_shift_of(unsigned count);
  Step bit_test(BitOperation, bool register_index);
  Step exchange();
  Step compare_exchange();
  Step compare_exchange_8_bytes();
  Step exchange_add();
  Step move_extended(unsigned source_size, bool sign);
  Step push_value(u32 value);
  Step pop_operand();
  Step string_operation();
  Step string_iteration(unsigned address_size);

  // -- operands
  u32 reg(unsigned number, unsigned size) const;
  void set_reg(unsigned number, unsigned size, u32 value);
  bool load(unsigned size, u32& value);  ///< the operand E or O
  bool load_for_update(unsigned size, u32& value);
  bool store(unsigned size, u32 value);
  u32 second() const;  ///< the operand that is not E: G, an immediate or the accumulator
  bool effective_address(unsigned size, Access, LinearAddr&);
  bool segment(unsigned seg, u32 offset, unsigned size, Access, LinearAddr&);
  bool fault_without_address(u8 vector, bool has_error_code);

  CpuState s;
  GuestOperands& m;
  CpuModel model_;
  Decoded d;
  u32 bit_displacement_ = 0;  ///< what the bit index of BT adds to the address
};

// ---- operands

u32 Emulator::reg(unsigned number, unsigned size) const {
  if (size > 1) return s.gpr[number] & mask_of(size);
  return (s.gpr[number & 3] >> (number & 4 ? 8 : 0)) & 0xFF;
}

void Emulator::set_reg(unsigned number, unsigned size, u32 value) {
  if (size > 1) {
    s.gpr[number] = replace_low(s.gpr[number], value, size);
    return;
  }
  const unsigned shift = number & 4 ? 8 : 0;
  u32& r = s.gpr[number & 3];
  r = (r & ~(0xFFu << shift)) | ((value & 0xFF) << shift);
}

bool Emulator::fault_without_address(u8 vector, bool has_error_code) {
  m.fault = {.event = {.vector = vector, .has_error_code = has_error_code && s.protected_mode()}};
  return false;
}

/// Segmentation as for a data access: SDM vol. 3 sections 5.3 (limits) and 5.4-5.6 (types).
bool Emulator::segment(unsigned seg, u32 offset, unsigned size, Access access, LinearAddr& linear) {
  const SegmentRegister& r = s.seg[seg];
  const u8 vector = seg == SS ? vector::SS : vector::GP;
  if (s.protected_mode() && !s.virtual_8086()) {
    const bool allowed = r.code() ? access == Access::Read && (r.access & access_rights::kWritableOrReadable)
                                  : access == Access::Read || (r.access & access_rights::kWritableOrReadable);
    if (!r.usable() || !allowed) return fault_without_address(vector, true);
  }
  const u32 last = offset + size - 1;
  const bool expand_down = !r.code() && (r.access & access_rights::kExpandDownOrConforming);
  const bool inside = expand_down
                          ? offset > r.limit && last >= offset && last <= (r.big() ? 0xFFFFFFFFu : 0xFFFFu)
                          : last >= offset && last <= r.limit;
  if (!inside) return fault_without_address(vector, true);
  linear = LinearAddr(r.base + offset);
  return true;
}

bool Emulator::effective_address(unsigned size, Access access, LinearAddr& linear) {
  u32 offset = d.disp + bit_displacement_;
  if (d.base != Insn::kNone) offset += s.gpr[d.base];
  if (d.index != Insn::kNone) offset += s.gpr[d.index] << d.scale;
  if (!d.address32) offset &= 0xFFFF;
  return segment(d.seg, offset, size, access, linear);
}

bool Emulator::load(unsigned size, u32& value) {
  if (!d.memory) {
    value = reg(d.rm, size);
    return true;
  }
  LinearAddr at;
  return effective_address(size, Access::Read, at) && m.read(at, size, value);
}

bool Emulator::load_for_update(unsigned size, u32& value) {
  if (!d.memory) return load(size, value);
  LinearAddr at;
  return effective_address(size, Access::Write, at) && m.check(at, size, Access::Write) &&
         effective_address(size, Access::Read, at) && m.read(at, size, value);
}

bool Emulator::store(unsigned size, u32 value) {
  if (!d.memory) {
    set_reg(d.rm, size, value);
    return true;
  }
  LinearAddr at;
  return effective_address(size, Access::Write, at) && m.write(at, size, value & mask_of(size));
}

bool is_immediate(Form f) { return f == Form::Ib || f == Form::Iw || f == Form::Iz || f == Form::Is; }

u32 Emulator::second() const {
  const bool immediate = is_immediate(d.row->operands[1]);
  return immediate ? d.imm : reg(d.reg, d.size);
}

// ---- families

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

// ---- the instruction

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

}  // namespace

Emulation emulate(CpuState& state, GuestOperands& operands, CpuModel model) {
  return Emulator(state, operands, model).run(state);
}

}  // namespace ringside
