#include "cpu/state.h"

namespace ringside {

namespace {

constexpr u32 kData = access_rights::kS | access_rights::kPresent | access_rights::kWritableOrReadable |
                      access_rights::kAccessed;
constexpr u32 kLdtAccess = 0x82, kTssAccess = 0x8B;  // present; LDT and busy 32-bit TSS

}  // namespace

CpuState reset_state() {
  CpuState s;
  s.eip = 0xFFF0;
  s.gpr[EDX] = 0x600;  // family in DH
  for (auto& r : s.seg) r = SegmentRegister{0, kData, 0, 0xFFFF};
  s.seg[CS] = SegmentRegister{0xF000, kData | access_rights::kCode, 0xFFFF0000u, 0xFFFF};
  s.ldtr = SegmentRegister{0, kLdtAccess, 0, 0xFFFF};
  s.tr = SegmentRegister{0, kTssAccess, 0, 0xFFFF};
  s.gdtr = s.idtr = TableRegister{0, 0xFFFF};
  s.cr0 = cr0::ET | cr0::CD | cr0::NW;
  return s;
}

CpuState flat_protected_state(u32 eip) {
  CpuState s = reset_state();
  const u32 flat = access_rights::kBig | access_rights::kGranularity;
  s.eip = eip;
  s.cr0 = cr0::ET | cr0::PE;
  for (auto& r : s.seg) r = SegmentRegister{0x10, kData | flat, 0, 0xFFFFFFFFu};
  s.seg[CS] = SegmentRegister{0x08, kData | access_rights::kCode | flat, 0, 0xFFFFFFFFu};
  return s;
}

}  // namespace ringside
