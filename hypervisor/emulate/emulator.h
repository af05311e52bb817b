// The inside of emulate(): one instruction, its operands and its families. Not for use outside
// hypervisor/emulat*.cpp.
#pragma once

#include "cpu/decode.h"
#include "hypervisor/emulate/arithmetic.h"
#include "hypervisor/emulate/emulate.h"

namespace ringside::emulation {

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

}  // namespace ringside::emulation
