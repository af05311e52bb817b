// What the x87 instructions share: the register stack with its faults, exceptions, and the way to memory.
//
// Modelled: an exception that is masked gets its masked response; one that is not sets ES and stops the next
// waiting instruction with #MF, or by way of FERR# where CR0.NE is 0. Stack faults win over everything else.
// Manual: Intel SDM vol. 1 sections 8.1.3, 8.4-8.7.
#pragma once

#include "cpu/execute/operand.h"
#include "cpu/x87/host_float.h"

namespace ringside::x87 {

using host_float::Result;
using namespace x87_status;
using x87_status::ES;  // not the segment register

/// The QNaN that stands for "no result".
inline constexpr Float80 kIndefinite{0xC000000000000000ull, 0xFFFF};

/// #NM where there is no unit for this task, or where it holds another task's state.
bool available(Core&);
/// The same, and an error of an earlier instruction is reported first.
bool ready(Core&);
/// Keeps where the instruction and its operand lie, for whoever handles an error of it.
void remember(const Insn&, Core&);

// ---- fields of the x87 opcode, which the decoder leaves in Insn::imm

inline unsigned reg_field(const Insn& i) { return (i.imm >> 3) & 7; }
inline unsigned stack_index(const Insn& i) { return i.imm & 7; }

// ---- the register stack

inline Float80& st(FpuState& f, unsigned i) { return f.registers[f.physical(i)]; }
inline void put(FpuState& f, unsigned i, const Float80& value) {
  st(f, i) = value;
  f.valid = static_cast<u8>(f.valid | 1u << f.physical(i));
}
inline void release(FpuState& f, unsigned i) { f.valid = static_cast<u8>(f.valid & ~(1u << f.physical(i))); }
inline void pop(FpuState& f) {
  release(f, 0);
  f.set_top(f.top() + 1);
}
inline void push(FpuState& f, const Float80& value) {
  f.set_top(f.top() - 1);
  put(f, 0, value);
}

// ---- status

/// ES and B follow the exceptions and the masks.
void summarise(FpuState&);
/// Raises exceptions; returns those that are not masked.
u16 signal(FpuState&, u16 exceptions);
/// Those condition codes of `mask` become what `from` says.
inline void set_conditions(FpuState& f, u16 mask, u16 from) {
  f.status = static_cast<u16>((f.status & ~mask) | (from & mask));
}
/// IE and SF. True: masked, so that the instruction goes on with kIndefinite.
bool stack_underflow(FpuState&);
bool stack_overflow(FpuState&);

/// Exceptions that stop an instruction before it has done anything, and those that stop a store to memory.
inline constexpr u16 kStops = IE | DE | ZE, kStopsStore = kStops | OE | UE;

/// Takes over the exceptions, C1 and the other condition codes of `conditions`. False: the instruction stops.
bool accept(FpuState&, const Result&, u16 conditions = 0, u16 stops = kStops);

// ---- memory operands

/// Reads or writes all or nothing, `piece` bytes at a time: as far as alignment is checked.
bool read_operand(Insn&, Core&, void* to, u32 bytes, u32 piece = 8);
bool write_operand(Insn&, Core&, const void* from, u32 bytes, u32 piece = 8);

}  // namespace ringside::x87
