#include "cpu/decode.h"

#include "cpu/execution.h"
#include "cpu/simd/table.h"
#include "cpu/x87/table.h"

namespace ringside {

bool Decoded::fast_memory() const {
  return (mode & mode::kFlat) && address32 && (seg == DS || seg == SS || seg == ES);
}

namespace {

/// Reads little-endian fields and remembers when the bytes ran out.
class Cursor {
 public:
  Cursor(const u8* bytes, unsigned available) : bytes_(bytes), available_(available) {}

  u32 byte() { return take(1); }
  u32 take(unsigned size) {
    u32 value = 0;
    for (unsigned n = 0; n < size; ++n, ++position_)
      if (position_ < available_) value |= static_cast<u32>(bytes_[position_]) << (8 * n);
    return value;
  }
  u32 take_signed(unsigned size) {
    const unsigned unused = 32 - 8 * size;
    return static_cast<u32>(static_cast<i32>(take(size) << unused) >> unused);
  }
  bool exhausted() const { return position_ > available_; }
  unsigned position() const { return position_; }

 private:
  const u8* bytes_;
  unsigned available_, position_ = 0;
};

constexpr u8 kNoOverride = 0xFF;

/// SDM vol. 2 table 2-1.
void address16(Cursor& in, Decoded& d, u8& default_segment) {
  static constexpr struct {
    u8 base, index;
  } kRows[8] = {{EBX, ESI},         {EBX, EDI},         {EBP, ESI},         {EBP, EDI},
                {ESI, Insn::kNone}, {EDI, Insn::kNone}, {EBP, Insn::kNone}, {EBX, Insn::kNone}};
  if (d.mod == 0 && d.rm == 6) {
    d.disp = in.take(2);
    return;
  }
  d.base = kRows[d.rm].base;
  d.index = kRows[d.rm].index;
  if (d.base == EBP) default_segment = SS;
  if (d.mod == 1) d.disp = in.take_signed(1);
  if (d.mod == 2) d.disp = in.take(2);
}

/// SDM vol. 2 tables 2-2 and 2-3.
void address32(Cursor& in, Decoded& d, u8& default_segment) {
  d.base = d.rm;
  if (d.rm == 4) {
    const u32 sib = in.byte();
    d.base = sib & 7;
    d.index = (sib >> 3) & 7;
    d.scale = static_cast<u8>(sib >> 6);
    if (d.index == ESP) {
      d.index = Insn::kNone;
      d.scale = 0;
    }
  }
  if (d.base == EBP && d.mod == 0) {
    d.base = Insn::kNone;
    d.disp = in.take(4);
  } else if (d.base == ESP || d.base == EBP) {
    default_segment = SS;
  }
  if (d.mod == 1) d.disp = in.take_signed(1);
  if (d.mod == 2) d.disp = in.take(4);
}

/// Size of the operation that a form implies; 0 if it implies none.
unsigned form_size(Form f, bool operand32) {
  switch (f) {
    case Form::Eb:
    case Form::Gb:
    case Form::Zb:
    case Form::Ob:
    case Form::Xb:
    case Form::AL: return 1;
    case Form::Ew:
    case Form::Gw: return 2;
    case Form::Ed:
    case Form::Rd:
    case Form::Cd:
    case Form::Dd: return 4;
    case Form::Ev:
    case Form::Gv:
    case Form::Zv:
    case Form::Ov:
    case Form::Xv:
    case Form::Xz:
    case Form::AX:
    case Form::AXz: return operand32 ? 4 : 2;
    default: return 0;
  }
}

void take_operand(Cursor& in, Decoded& d, Form f, u8& slot) {
  const unsigned wide = d.operand32 ? 4 : 2;
  switch (f) {
    case Form::Eb: slot = register_slot(d.rm, 1); break;
    case Form::Ew:
    case Form::Ed:
    case Form::Ev:
    case Form::Rd: slot = d.rm; break;
    case Form::Gb: slot = register_slot(d.reg, 1); break;
    case Form::Gw:
    case Form::Gv:
    case Form::Sw:
    case Form::Cd:
    case Form::Dd: slot = d.reg; break;
    case Form::Zb: slot = register_slot(d.opcode & 7, 1); break;
    case Form::Zv: slot = d.opcode & 7; break;
    case Form::Ib:
      if (d.row->operands[0] == Form::Iw)
        d.imm2 = in.byte();
      else
        d.imm = in.byte();
      break;
    case Form::Iw: d.imm = in.take(2); break;
    case Form::Iz: d.imm = in.take(wide); break;
    case Form::Is:
    case Form::Jb: d.imm = in.take_signed(1); break;
    case Form::Jz: d.imm = in.take_signed(wide); break;
    case Form::Simd:
      slot = d.reg;
      d.s = d.rm;
      break;
    case Form::Ap:
      d.imm = in.take(wide);
      d.imm2 = in.take(2);
      break;
    case Form::Ob:
    case Form::Ov:
      d.disp = in.take(d.address32 ? 4 : 2);
      d.memory = true;
      break;
    case Form::One: d.imm = 1; break;
    default: break;  // implied registers: slot 0 is AL, AX, EAX
  }
}

}  // namespace

DecodeStatus decode(const u8* bytes, unsigned available, bool code32, CpuModel model, Decoded& d) {
  Cursor in(bytes, available < kMaxInstructionLength ? available : kMaxInstructionLength);
  const auto out_of_bytes = [&] {
    return in.position() > kMaxInstructionLength || available >= kMaxInstructionLength
               ? DecodeStatus::TooLong
               : DecodeStatus::Truncated;
  };
  d.operand32 = d.address32 = code32;
  u8 segment_override = kNoOverride;
  u32 opcode = 0;
  for (bool prefix = true; prefix;) {
    opcode = in.byte();
    if (in.exhausted()) return out_of_bytes();
    switch (opcode) {
      case 0x26: segment_override = ES; break;
      case 0x2E: segment_override = CS; break;
      case 0x36: segment_override = SS; break;
      case 0x3E: segment_override = DS; break;
      case 0x64: segment_override = FS; break;
      case 0x65: segment_override = GS; break;
      case 0x66: d.operand32 = !code32; break;
      case 0x67: d.address32 = !code32; break;
      case 0xF0: d.lock = true; break;
      case 0xF2:
      case 0xF3: d.rep = static_cast<u8>(opcode); break;
      default: prefix = false;
    }
  }
  if (opcode == 0x0F) {
    opcode = 0x0F00 | in.byte();
    if (in.exhausted()) return out_of_bytes();
  }
  d.opcode = static_cast<u16>(opcode);
  u8 default_segment = DS;
  const bool modrm = has_modrm(d.opcode);
  const bool always_register = opcode >= 0x0F20 && opcode <= 0x0F23;  // MOV to and from CRn, DRn ignore mod
  if (modrm) {
    const u32 byte = in.byte();
    if (in.exhausted()) return out_of_bytes();
    d.mod = always_register ? 3 : static_cast<u8>(byte >> 6);
    d.reg = (byte >> 3) & 7;
    d.rm = byte & 7;
    d.memory = d.mod != 3;
  }
  d.row = find_opcode(d.opcode, d.reg, d.mod == 3);
  d.length = static_cast<u8>(in.position());
  if (!d.row || d.row->since > model) return DecodeStatus::Undefined;
  if (d.row->operands[0] == Form::M87) {
    const u8 byte = static_cast<u8>(d.mod << 6 | d.reg << 3 | d.rm);
    d.x87 = find_x87(static_cast<u8>(opcode), byte);
    if (!d.x87 || d.x87->since > model) return DecodeStatus::Undefined;
    d.imm = (opcode & 7) << 8 | byte;
  }
  if (d.row->operands[0] == Form::Simd) {
    using simd::Prefix;
    const Prefix prefix = d.rep == 0xF3           ? Prefix::PF3
                          : d.rep == 0xF2         ? Prefix::PF2
                          : d.operand32 != code32 ? Prefix::P66
                                                  : Prefix::None;
    d.simd = find_simd(static_cast<u8>(opcode), prefix, d.reg, !d.memory);
    if (!d.simd || d.simd->since > model) return DecodeStatus::Undefined;
  }
  if (d.memory) d.address32 ? address32(in, d, default_segment) : address16(in, d, default_segment);
  d.size = d.operand32 ? 4 : 2;
  for (Form f : d.row->operands) {
    if (const unsigned size = form_size(f, d.operand32)) {
      d.size = static_cast<u8>(size);
      break;
    }
  }
  u8 third = 0;
  u8* const slots[3] = {&d.d, &d.s, &third};
  for (int n = 0; n < 3; ++n) take_operand(in, d, d.row->operands[n], *slots[n]);
  if (d.simd) {
    const u32 row = static_cast<u32>(d.simd - simd_table().data());
    d.imm = row << 8 | (d.simd->traits & simd::trait::Immediate ? in.byte() : 0);
  }
  if (in.exhausted()) return out_of_bytes();
  d.length = static_cast<u8>(in.position());
  d.seg = segment_override == kNoOverride ? default_segment : segment_override;
  if (d.lock && !((d.row->attributes & attribute::Lock) && d.memory)) return DecodeStatus::Undefined;
  return DecodeStatus::Ok;
}

}  // namespace ringside
