// The instruction emulator: carries out the instruction at CS:EIP on behalf of a guest whose own attempt
// trapped, because an operand lies in a memory-mapped device (nested paging) or in a page that the monitor
// keeps from it (shadow paging). Real hypervisors carry one for the same reasons.
//
// Modelled: the integer instructions that compilers and kernels aim at memory - MOV, MOVZX/MOVSX, XCHG, the
// ALU group, TEST, INC/DEC/NOT/NEG, MUL/IMUL/DIV/IDIV, shifts and rotates, SHLD/SHRD, SETcc, CMOVcc,
// PUSH/POP, the BT family, BSF/BSR, CMPXCHG, XADD, CMPXCHG8B, MOVS/STOS/LODS/CMPS/SCAS with REP - with
// segmentation checks and flags. Simplified: LOCK changes nothing on one processor; no alignment checks;
// flags that the manual leaves undefined keep their value or become what is easiest. Anything else ends in
// Emulation::Kind::Unmodelled. Manual: Intel SDM vol. 2.
#pragma once

#include <span>

#include "cpu/cpu.h"
#include "cpu/paging.h"

namespace ringside {

/// A fault that the guest's own access would have raised. `cr2` counts for #PF only.
struct GuestFault {
  Event event;
  u32 cr2 = 0;
};

/// What the emulated instruction reaches by linear address; segmentation has been applied. Implemented over
/// the guest's page tables, RAM and devices. All return false after filling `fault`; nothing has happened
/// then.
class GuestOperands {
 public:
  virtual ~GuestOperands() = default;

  /// Whether an access of `size` bytes would succeed; nothing is accessed. Before a read-modify-write the
  /// rights to write are checked, so that a device is not read in vain.
  virtual bool check(LinearAddr, unsigned size, Access) = 0;
  /// `size` is 1, 2 or 4; the value is zero-extended.
  virtual bool read(LinearAddr, unsigned size, u32& value) = 0;
  virtual bool write(LinearAddr, unsigned size, u32 value) = 0;
  /// Code, within one page.
  virtual bool fetch(LinearAddr, std::span<u8> bytes) = 0;

  GuestFault fault;
};

struct Emulation {
  enum class Kind : u8 {
    Done,        ///< the state is that after the instruction, EIP included
    Again,       ///< one iteration of a REP string instruction is done; EIP still points to it
    Fault,       ///< deliver `fault`; the state is that before the instruction
    Unmodelled,  ///< the state is unchanged; `what` says which instruction
  } kind;
  GuestFault fault{};
  const char* what = "";
};

/// Carries out the instruction at CS:EIP of `state` as `model` would. At most one iteration of a string
/// instruction.
Emulation emulate(CpuState& state, GuestOperands& operands, CpuModel model);

}  // namespace ringside
