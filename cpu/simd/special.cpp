#include "cpu/simd/special.h"

#include "cpu/execute/cold.h"
#include "cpu/simd/host_simd.h"
#include "cpu/x87/unit.h"

namespace ringside::simd {

namespace {

/// FXSAVE's image: SDM vol. 1 table 10-2.
struct alignas(16) Image {
  static constexpr u32 kBytes = 512, kRegisters = 32, kXmm = 160, kSaved = 288, kMxcsrMask = 28;
  u8 bytes[kBytes] = {};

  template <class T>
  void put(u32 at, T value) {
    store_host<T>(bytes + at, value);
  }
  template <class T>
  T get(u32 at) const {
    return load_host<T>(bytes + at);
  }
};

/// DAZ came with the Pentium 4; elsewhere its bit is reserved.
u32 mxcsr_mask(const Core& c) {
  return c.config.model >= CpuModel::Pentium4 ? mxcsr::kImplemented : mxcsr::kImplemented & ~mxcsr::DAZ;
}

bool aligned16(Insn& i, Core& c) {
  const u32 linear = c.s.seg[i.segment()].base + effective_offset(i, c);
  return (linear & 15) ? c.raise(vector::GP, 0) : true;
}

template <u32 bytes>
bool masked_store(Core& c, const u8* data, const u8* mask, const Insn& i) {
  const u32 wrap = i.address16() ? 0xFFFF : ~0u;
  for (u32 n = 0; n < bytes; ++n)
    if ((mask[n] & 0x80) &&
        !store_at<u8>(c, static_cast<Seg>(i.segment()), (c.s.gpr[EDI] + n) & wrap, data[n]))
      return false;
  return true;
}

}  // namespace

bool fxsave(Insn& i, Core& c) {
  if (!x87::available(c) || !aligned16(i, c)) return false;
  // What the image reserves keeps what memory holds.
  const FpuState& f = c.fpu;
  Image image;
  image.put<u16>(0, f.control);
  image.put<u16>(2, f.status);
  u8 tags = 0;
  for (unsigned n = 0; n < 8; ++n) tags = static_cast<u8>(tags | (f.valid >> n & 1) << n);
  image.put<u8>(4, tags);
  image.put<u16>(6, f.opcode);
  image.put<u32>(8, f.instruction);
  image.put<u16>(12, f.cs);
  image.put<u32>(16, f.operand);
  image.put<u16>(20, f.ds);
  image.put<u32>(24, f.mxcsr);
  image.put<u32>(Image::kMxcsrMask, mxcsr_mask(c));
  for (unsigned n = 0; n < 8; ++n) {
    const Float80& r = f.registers[f.physical(n)];
    image.put<u64>(Image::kRegisters + n * 16, r.significand);
    image.put<u16>(Image::kRegisters + n * 16 + 8, r.sign_exponent);
    std::memcpy(image.bytes + Image::kXmm + n * 16, f.xmm[n].bytes.data(), 16);
  }
  const bool with_xmm = c.s.cr4 & cr4::OSFXSR;
  return x87::write_operand(i, c, image.bytes, with_xmm ? Image::kSaved : Image::kXmm);
}

bool fxrstor(Insn& i, Core& c) {
  if (!x87::available(c) || !aligned16(i, c)) return false;
  Image image;
  if (!x87::read_operand(i, c, image.bytes, Image::kBytes)) return false;
  const bool with_xmm = c.s.cr4 & cr4::OSFXSR;
  if (with_xmm && (image.get<u32>(24) & ~mxcsr_mask(c))) return c.raise(vector::GP, 0);
  FpuState& f = c.fpu;
  f.control = static_cast<u16>((image.get<u16>(0) & 0x1F3F) | 0x40);
  f.status = image.get<u16>(2);
  f.valid = image.get<u8>(4);
  f.opcode = image.get<u16>(6) & 0x7FF;
  f.instruction = image.get<u32>(8);
  f.cs = image.get<u16>(12);
  f.operand = image.get<u32>(16);
  f.ds = image.get<u16>(20);
  for (unsigned n = 0; n < 8; ++n) {
    Float80& r = f.registers[f.physical(n)];
    r.significand = image.get<u64>(Image::kRegisters + n * 16);
    r.sign_exponent = image.get<u16>(Image::kRegisters + n * 16 + 8);
  }
  x87::summarise(f);
  if (!with_xmm) return true;
  f.mxcsr = image.get<u32>(24);
  for (unsigned n = 0; n < 8; ++n) std::memcpy(f.xmm[n].bytes.data(), image.bytes + Image::kXmm + n * 16, 16);
  return true;
}

bool ldmxcsr(Insn& i, Core& c) {
  u32 value;
  if (!sse_available(c) || !x87::read_operand(i, c, &value, sizeof value)) return false;
  if (value & ~mxcsr_mask(c)) return c.raise(vector::GP, 0);
  c.fpu.mxcsr = value;
  return true;
}

bool stmxcsr(Insn& i, Core& c) {
  return sse_available(c) && x87::write_operand(i, c, &c.fpu.mxcsr, sizeof c.fpu.mxcsr);
}

bool fence(Insn&, Core&) { return true; }

bool flush_line(Insn& i, Core& c) {
  u8 byte;
  return x87::read_operand(i, c, &byte, 1);
}

bool maskmovq(Insn& i, Core& c) {
  if (!mmx_available(c)) return false;
  u8 data[8], mask[8];
  std::memcpy(data, &c.fpu.registers[i.d].significand, 8);
  std::memcpy(mask, &c.fpu.registers[i.s].significand, 8);
  if (!masked_store<8>(c, data, mask, i)) return false;
  enter_mmx(c.fpu);
  return true;
}

bool maskmovdqu(Insn& i, Core& c) {
  return sse_available(c) && masked_store<16>(c, c.fpu.xmm[i.d].bytes.data(), c.fpu.xmm[i.s].bytes.data(), i);
}

bool movnti(Insn& i, Core& c) { return store_general<u32>(&i, &c, c.s.gpr[i.d]); }

}  // namespace ringside::simd
