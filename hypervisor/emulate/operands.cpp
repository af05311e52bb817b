// Where an emulated instruction finds its operands: registers, and memory through segments.
#include "hypervisor/emulate/emulator.h"

namespace ringside::emulation {
namespace {

bool is_immediate(Form f) { return f == Form::Ib || f == Form::Iw || f == Form::Iz || f == Form::Is; }

}  // namespace

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

u32 Emulator::second() const {
  const bool immediate = is_immediate(d.row->operands[1]);
  return immediate ? d.imm : reg(d.reg, d.size);
}

}  // namespace ringside::emulation
