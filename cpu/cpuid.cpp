#include "cpu/cpuid.h"

#include <array>
#include <cstring>
#include <string_view>

namespace ringside {
namespace {

constexpr u32 kExtended = 0x80000000u;

/// Four characters of a string as a register holds them.
u32 letters(std::string_view text, std::size_t from) {
  std::array<char, 4> four{};
  for (std::size_t i = 0; i < four.size() && from + i < text.size(); ++i) four[i] = text[from + i];
  u32 value = 0;
  std::memcpy(&value, four.data(), sizeof value);
  return value;
}

struct Identity {
  u32 highest_leaf;
  u32 signature;  ///< family, model, stepping
  u32 features;
  std::string_view brand;
};

Identity identity(CpuModel model) {
  using namespace cpuid_feature;
  constexpr u32 kPentiumFeatures = kVme | kDe | kPse | kTsc | kMsr | kCx8;
  if (model < CpuModel::P6) return {1, 0x0525, kPentiumFeatures, "Ringside Pentium"};
  return {7, 0x0633, kPentiumFeatures | kPae | kSep | kPge | kCmov | kPat, "Ringside P6"};
}

}  // namespace

CpuidResult cpuid_leaf(CpuModel model, u32 leaf, u32 subleaf) {
  const Identity id = identity(model);
  constexpr std::string_view kVendor = "GenuineIntel";
  switch (leaf) {
    case 0: return {id.highest_leaf, letters(kVendor, 0), letters(kVendor, 8), letters(kVendor, 4)};
    case 1: return {id.signature, 0, 0, id.features};
    case 7: return {0, 0, model >= CpuModel::P6 && subleaf == 0 ? cpuid_feature::kUmip : 0, 0};
    case kExtended: return {kExtended + 4, 0, 0, 0};
    case kExtended + 2:
    case kExtended + 3:
    case kExtended + 4: {
      const std::size_t from = (leaf - kExtended - 2) * 16;
      return {letters(id.brand, from), letters(id.brand, from + 4), letters(id.brand, from + 8),
              letters(id.brand, from + 12)};
    }
    default: return {};
  }
}

}  // namespace ringside
