#include "cpu/cpuid.h"

#include <algorithm>

namespace ringside {
namespace {

using namespace cpuid_feature;
constexpr u32 kPentium = kDe | kPse | kTsc | kMsr | kCx8;
constexpr u32 kP6 = kPentium | kPae | kSep | kPge | kCmov | kPat;

}  // namespace

CpuidResult cpuid_leaf(CpuModel model, u32 leaf, u32 subleaf) {
  const bool p6 = model >= CpuModel::P6;
  const u32 last = p6 ? 7 : 1;
  switch (std::min(leaf, last)) {
    case 0: return {last, 0x676E6952, 0x36387820, 0x65646973};  // "Ring" "side" " x86" in EBX, EDX, ECX
    case 1: return p6 ? CpuidResult{0x633, 0, 0, kP6} : CpuidResult{0x517, 0, 0, kPentium};
    case 7: return {0, 0, subleaf == 0 ? kUmip : 0, 0};
    default: return {};
  }
}

}  // namespace ringside
