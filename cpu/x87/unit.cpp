#include "cpu/x87/unit.h"

#include <algorithm>

#include "cpu/execute/debug.h"

namespace ringside::x87 {

bool available(Core& c) { return (c.s.cr0 & (cr0::EM | cr0::TS)) ? c.raise(vector::NM) : true; }

bool ready(Core& c) {
  if (!available(c)) return false;
  return (c.fpu.status & ES) ? report_numeric_error(c) : true;
}

}  // namespace ringside::x87

namespace ringside {

bool report_numeric_error(Core& c) {
  if (c.s.cr0 & cr0::NE) return c.raise(vector::MF);
  if (c.fpu.error_ignored) return true;
  c.bus.numeric_error();
  c.s.halted = true;  // before this instruction, until an interrupt comes
  return false;
}

}  // namespace ringside

namespace ringside::x87 {

void remember(const Insn& i, Core& c) {
  FpuState& f = c.fpu;
  f.opcode = i.imm & 0x7FF;
  f.instruction = i.eip();
  f.cs = c.s.seg[CS].selector;
  if (!i.memory()) return;
  f.operand = effective_offset(i, c);
  f.ds = c.s.seg[i.segment()].selector;
}

void summarise(FpuState& f) {
  const bool pending = f.status & ~f.control & kExceptions;
  f.error_ignored &= pending;
  f.status = static_cast<u16>((f.status & ~(ES | B)) | (pending ? ES | B : 0));
}

u16 signal(FpuState& f, u16 exceptions) {
  f.status = static_cast<u16>(f.status | exceptions);
  const u16 unmasked = exceptions & ~f.control & kExceptions;
  if (unmasked) f.status |= ES | B;
  return unmasked;
}

bool stack_underflow(FpuState& f) {
  set_conditions(f, C1, 0);
  return !signal(f, IE | SF);
}

bool stack_overflow(FpuState& f) {
  set_conditions(f, C1, C1);
  return !signal(f, IE | SF);
}

bool accept(FpuState& f, const Result& r, u16 conditions, u16 stops) {
  set_conditions(f, C1, r.status);
  if (signal(f, r.status & kExceptions) & stops) return false;
  set_conditions(f, conditions, r.status);
  return true;
}

namespace {

template <class T>
bool read_as(Core& c, LinearAddr from, u8* to) {
  T value;
  if (!read_linear<T>(c, from, value, c.user())) return false;
  std::memcpy(to, &value, sizeof value);
  return true;
}
template <class T>
bool write_as(Core& c, LinearAddr to, const u8* from) {
  return write_linear<T>(c, to, load_host<T>(from), c.user());
}

u32 next_piece(u32 left, u32 piece) {
  return std::min(piece, left >= 8 ? 8u : left >= 4 ? 4u : left >= 2 ? 2u : 1u);
}

}  // namespace

bool read_operand(Insn& i, Core& c, void* to, u32 bytes, u32 piece) {
  LinearAddr linear;
  const Seg seg = static_cast<Seg>(i.segment());
  if (!segment_address(c, seg, effective_offset(i, c), bytes, Access::Read, linear)) return false;
  u8* p = static_cast<u8*>(to);
  for (u32 done = 0, n; done < bytes; done += n, p += n) {
    n = next_piece(bytes - done, piece);
    const LinearAddr at = linear + done;
    if (!(n == 8   ? read_as<u64>(c, at, p)
          : n == 4 ? read_as<u32>(c, at, p)
          : n == 2 ? read_as<u16>(c, at, p)
                   : read_as<u8>(c, at, p)))
      return false;
  }
  note_data_access(c, linear, bytes, false);
  return true;
}

bool write_operand(Insn& i, Core& c, const void* from, u32 bytes, u32 piece) {
  LinearAddr linear;
  const Seg seg = static_cast<Seg>(i.segment());
  if (!segment_address(c, seg, effective_offset(i, c), bytes, Access::Write, linear)) return false;
  if (bytes > piece && !check_writable(c, linear, bytes, c.user())) return false;
  const u8* p = static_cast<const u8*>(from);
  for (u32 done = 0, n; done < bytes; done += n, p += n) {
    n = next_piece(bytes - done, piece);
    const LinearAddr at = linear + done;
    if (!(n == 8   ? write_as<u64>(c, at, p)
          : n == 4 ? write_as<u32>(c, at, p)
          : n == 2 ? write_as<u16>(c, at, p)
                   : write_as<u8>(c, at, p)))
      return false;
  }
  note_data_access(c, linear, bytes, true);
  return true;
}

}  // namespace ringside::x87
