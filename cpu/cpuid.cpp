#include "cpu/cpuid.h"

#include <algorithm>

#include "cpu/msr.h"

namespace ringside {
namespace {

using namespace cpuid_feature;
constexpr u32 kPentium = kFpu | kDe | kPse | kTsc | kMsr | kCx8;
constexpr u32 kP6 = kPentium | kPae | kSep | kPge | kCmov | kPat | kMmx;
constexpr u32 kPentium3 = kP6 | kFxsr | kSse;
constexpr u32 kPentium4 = kPentium3 | kClfsh | kSse2;

/// Family, model and stepping: Pentium MMX's predecessor, Pentium II, Coppermine, Northwood.
CpuidResult leaf1(CpuModel model) {
  constexpr u32 kFlushLine = 8 << 8;  // EBX: CLFLUSH writes back 64 bytes
  switch (model) {
    case CpuModel::Pentium4: return {0xF29, kFlushLine, 0, kPentium4};
    case CpuModel::Pentium3: return {0x68A, 0, 0, kPentium3};
    case CpuModel::P6: return {0x633, 0, 0, kP6};
    default: return {0x517, 0, 0, kPentium};
  }
}

}  // namespace

CpuidResult cpuid_leaf(CpuModel model, u32 leaf, u32 subleaf, u64 apic_base) {
  const bool p6 = model >= CpuModel::P6;
  const u32 last = p6 ? 7 : 1;
  switch (std::min(leaf, last)) {
    case 0: return {last, 0x676E6952, 0x36387820, 0x65646973};  // "Ring" "side" " x86" in EBX, EDX, ECX
    case 1: {
      CpuidResult result = leaf1(model);
      if (apic_base & msr::kApicEnable) result.edx |= kApic;
      return result;
    }
    case 7: return {0, 0, subleaf == 0 ? kUmip : 0, 0};
    default: return {};
  }
}

}  // namespace ringside
