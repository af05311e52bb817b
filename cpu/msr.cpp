#include "cpu/msr.h"

namespace ringside {
namespace {

/// Base, enable and bootstrap-processor bits; the rest is reserved (SDM vol. 3 section 11.4.4).
constexpr u64 kApicBaseBits = 0xFFFFFF900ull;

/// Each of the eight fields of the page-attribute table is a memory type: SDM vol. 3 table 12-10.
bool valid_pat(u64 value) {
  for (int i = 0; i < 8; ++i) {
    const u64 type = (value >> (8 * i)) & 0xFF;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

}  // namespace

bool read_msr(CpuModel model, const CpuState& s, u32 index, u64& value) {
  if (model < CpuModel::P6) return false;
  switch (index) {
    case msr::kApicBase: value = s.apic_base; return true;
    case msr::kSysenterCs: value = s.sysenter_cs; return true;
    case msr::kSysenterEsp: value = s.sysenter_esp; return true;
    case msr::kSysenterEip: value = s.sysenter_eip; return true;
    case msr::kMiscEnable: value = s.misc_enable; return true;
    case msr::kPat: value = s.pat; return true;
    default: return false;
  }
}

bool write_msr(CpuModel model, CpuState& s, u32 index, u64 value) {
  if (model < CpuModel::P6) return false;
  switch (index) {
    case msr::kApicBase:
      if (value & ~kApicBaseBits) return false;
      s.apic_base = value;
      return true;
    case msr::kSysenterCs: s.sysenter_cs = static_cast<u32>(value); return true;
    case msr::kSysenterEsp: s.sysenter_esp = static_cast<u32>(value); return true;
    case msr::kSysenterEip: s.sysenter_eip = static_cast<u32>(value); return true;
    case msr::kMiscEnable: s.misc_enable = value; return true;
    case msr::kPat:
      if (!valid_pat(value)) return false;
      s.pat = value;
      return true;
    default: return false;
  }
}

}  // namespace ringside
