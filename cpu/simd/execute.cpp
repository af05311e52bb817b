// One handler for all instructions of the SIMD table: it fetches the operands that a row names, computes, and
// puts the result back.
//
// Modelled: #UD, #NM, #MF and #XM as CR0 and CR4 ask for them; alignment of 16-byte operands; MMX registers
// as the significands of the x87's. Manual: Intel SDM vol. 1 sections 9.5, 11.5; vol. 3 sections 13.1-13.4.
#include "cpu/execute/cold.h"
#include "cpu/simd/special.h"
#include "cpu/simd/table.h"
#include "cpu/x87/unit.h"

namespace ringside {

namespace simd {

bool sse_available(Core& c) {
  if ((c.s.cr0 & cr0::EM) || !(c.s.cr4 & cr4::OSFXSR)) return c.raise(vector::UD);
  return (c.s.cr0 & cr0::TS) ? c.raise(vector::NM) : true;
}

bool mmx_available(Core& c) {
  if (c.s.cr0 & cr0::EM) return c.raise(vector::UD);
  return x87::ready(c);
}

void enter_mmx(FpuState& f) {
  f.set_top(0);
  f.valid = 0xFF;
}

}  // namespace simd

namespace {

using namespace simd;

struct alignas(16) Buffer {
  u8 bytes[16] = {};
};

bool mmx_place(Place p) { return p == Place::Mm || p == Place::MmRm; }
bool xmm_place(Place p) { return p == Place::Xmm || p == Place::XmmRm; }
bool rm_place(Place p) { return p >= Place::MmRm; }

bool in_memory(const Insn& i, Place p) { return rm_place(p) && i.memory(); }
/// Number of the register: of ModRM's reg field, or of its r/m.
unsigned number(const Insn& i, Place p) { return rm_place(p) ? i.s : i.d; }

bool aligned(Insn& i, Core& c, const SimdRow& row) {
  if (row.bytes != 16 || (row.traits & trait::Unaligned)) return true;
  const u32 linear = c.s.seg[i.segment()].base + effective_offset(i, c);
  return (linear & 15) ? c.raise(vector::GP, 0) : true;
}

bool fetch(Insn& i, Core& c, const SimdRow& row, Place p, Buffer& b) {
  if (in_memory(i, p)) return aligned(i, c, row) && x87::read_operand(i, c, b.bytes, row.bytes);
  const unsigned n = number(i, p);
  if (mmx_place(p))
    std::memcpy(b.bytes, &c.fpu.registers[n].significand, 8);
  else if (xmm_place(p))
    std::memcpy(b.bytes, c.fpu.xmm[n].bytes.data(), 16);
  else if (p != Place::None)
    std::memcpy(b.bytes, &c.s.gpr[n], 4);
  return true;
}

bool keep(Insn& i, Core& c, const SimdRow& row, const Buffer& b) {
  const Place p = row.to;
  if (in_memory(i, p)) return aligned(i, c, row) && x87::write_operand(i, c, b.bytes, row.bytes);
  const unsigned n = number(i, p);
  if (mmx_place(p)) {
    std::memcpy(&c.fpu.registers[n].significand, b.bytes, 8);
    c.fpu.registers[n].sign_exponent = 0xFFFF;
  } else if (xmm_place(p)) {
    std::memcpy(c.fpu.xmm[n].bytes.data(), b.bytes, 16);
  } else if (p != Place::None) {
    std::memcpy(&c.s.gpr[n], b.bytes, 4);
  }
  return true;
}

template <class T>
bool tiny(const Buffer& b, unsigned count, unsigned fraction_bits) {
  for (unsigned n = 0; n < count; ++n) {
    const T magnitude = static_cast<T>(load_host<T>(b.bytes + n * sizeof(T)) << 1);
    if (magnitude != 0 && !(magnitude >> (fraction_bits + 1))) return true;
  }
  return false;
}

/// Whether a result is denormal: then an exact one, too, is an underflow if that is not masked.
bool denormal_result(const SimdRow& row, const Buffer& b) {
  constexpr u8 kAdd = 0x58, kMultiply = 0x59, kConvert = 0x5A, kSubtract = 0x5C, kDivide = 0x5E;
  const u8 op = row.opcode;
  const bool packed = row.prefix == Prefix::None || row.prefix == Prefix::P66;
  const bool doubles = row.prefix == Prefix::P66 || row.prefix == Prefix::PF2;
  if (op == kConvert) return doubles && tiny<u32>(b, packed ? 2 : 1, 23);
  if (op != kAdd && op != kMultiply && op != kSubtract && op != kDivide) return false;
  return doubles ? tiny<u64>(b, packed ? 2 : 1, 52) : tiny<u32>(b, packed ? 4 : 1, 23);
}

/// Under the guest's rounding; #XM if an exception is not masked, with the destination as it was.
bool compute(Core& c, const SimdRow& row, Buffer& to, const Buffer& from, u8 immediate) {
  using namespace mxcsr;
  constexpr u32 kBefore = x87_status::IE | x87_status::DE | x87_status::ZE;
  u32& guest = c.fpu.mxcsr;
  u32 raised = row.arithmetic((guest & ~kExceptions) | kMasks, to.bytes, from.bytes, immediate) & kExceptions;
  const u32 unmasked = ~(guest >> kMaskShift) & kExceptions;
  if ((unmasked & x87_status::UE) && denormal_result(row, to)) raised |= x87_status::UE;
  if (raised & unmasked & kBefore) raised &= kBefore;
  guest |= raised;
  if (!(raised & unmasked)) return true;
  return c.raise((c.s.cr4 & cr4::OSXMMEXCPT) ? vector::XM : vector::UD);
}

bool execute(Insn& i, Core& c) {
  const SimdRow& row = simd_table()[i.imm >> 8];
  const bool mmx = mmx_place(row.to) || (mmx_place(row.from) && !in_memory(i, row.from));
  const bool sse = xmm_place(row.to) || xmm_place(row.from);
  if (sse && !sse_available(c)) return false;
  if (mmx && !mmx_available(c)) return false;
  Buffer from, to;
  if (!fetch(i, c, row, row.from, from)) return false;
  if (!in_memory(i, row.to)) fetch(i, c, row, row.to, to);
  const u8 immediate = static_cast<u8>(i.imm);
  if (row.operation)
    row.operation(to.bytes, from.bytes, immediate);
  else if (!compute(c, row, to, from, immediate))
    return false;
  if (!keep(i, c, row, to)) return false;
  if (mmx) enter_mmx(c.fpu);
  return true;
}

/// UCOMISS and its like: the result is in EFLAGS.
bool compare_to_flags(Insn& i, Core& c) {
  const SimdRow& row = simd_table()[i.imm >> 8];
  if (!sse_available(c)) return false;
  Buffer from, to;
  if (!fetch(i, c, row, Place::XmmRm, from)) return false;
  fetch(i, c, row, Place::Xmm, to);
  if (!compute(c, row, to, from, 0)) return false;
  constexpr u32 kOrder = eflags::ZF | eflags::PF | eflags::CF;
  c.s.eflags = (c.s.eflags & ~eflags::kArithmetic) | (load_host<u32>(to.bytes) & kOrder);
  reload_flags(c);
  return true;
}

bool empty_mmx(Insn&, Core& c) {
  if (!mmx_available(c)) return false;
  enter_mmx(c.fpu);
  c.fpu.valid = 0;
  return true;
}

}  // namespace

Handler select_simd(const Decoded& d) {
  if (d.simd->run) return d.simd->run;
  const bool compares = d.simd->opcode == 0x2E || d.simd->opcode == 0x2F;
  return compares ? looking<compare_to_flags> : cold<execute>;
}
Handler select_emms(const Decoded&) { return cold<empty_mmx>; }

}  // namespace ringside
