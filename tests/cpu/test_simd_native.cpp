// MMX, SSE and SSE2 instructions on random states, run by the simulated processor and by the host's:
// registers, MXCSR, memory and EFLAGS must be the same. Exceptions that are not masked end in the same fault
// at the same place.
#include "cpu/simd/table.h"
#include "tests/cpu/unit_differential.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// FXRSTOR's images.
constexpr UnitLayout kLayout{
    .images = 3, .image_bytes = 288, .slots = 6, .operands = 3072, .operand_bytes = 1024};
constexpr CpuConfig kConfig{.model = CpuModel::Pentium4};
constexpr u32 kAllMasked = 0x1F80;

/// State as a whole, and what stores through EDI, have tests of their own.
bool suits(const SimdRow& row) {
  const std::string_view name = row.mnemonic;
  return !row.run || name == "movnti" || name == "sfence";
}

/// `units` instructions; the FXSAVE behind each does not wait for its error.
UnitCode make_code(std::mt19937_64& random) {
  UnitCode code;
  const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
  const auto table = simd_table();
  for (u32 n = 0; n < kLayout.slots; ++n) {
    const SimdRow* row;
    do row = &table[below(static_cast<u32>(table.size()))];
    while (!suits(*row));
    const u32 slot = kLayout.slot(n), reg = row->reg < 0 ? below(8) : static_cast<u32>(row->reg);
    code.b(0x0F), code.b(0xAE), code.memory(1, kLayout.image(below(kLayout.images)));  // FXRSTOR
    constexpr u8 kPrefix[] = {0, 0x66, 0xF3, 0xF2};
    if (row->prefix != simd::Prefix::None) code.b(kPrefix[static_cast<u8>(row->prefix)]);
    code.b(0x0F), code.b(row->opcode);
    const bool memory =
        (row->traits & simd::trait::Memory) || (!(row->traits & simd::trait::Register) && below(2));
    if (memory)
      code.memory(reg, kLayout.operands + below(kLayout.operand_bytes / 16 - 1) * 16);
    else
      code.b(0xC0 | reg << 3 | (row->to == simd::Place::GprRm ? below(4) : below(8)));
    const u32 immediate = row->opcode == 0xC2 ? below(8) : below(256);  // AVX's predicates are not SSE's
    if (row->traits & simd::trait::Immediate) code.b(immediate);
    code.b(0x0F), code.b(0xAE), code.memory(0, slot);  // FXSAVE
    char name[64];
    std::snprintf(name, sizeof name, "%s %02X prefix %u reg %u imm %u", row->mnemonic, row->opcode,
                  static_cast<unsigned>(row->prefix), reg, immediate);
    code.names.push_back(name);
  }
  return code;
}

void scrub(std::string_view, u8* slot) {
  slot[3] = static_cast<u8>(slot[3] & 0x38);  // condition codes are not this unit's business
  std::memset(slot + 6, 0, 18);               // the x87's pointers: manufacturers differ
  std::memset(slot + 28, 0, 4);               // and so does MXCSR_MASK
}

void fill_from(Trial& t, std::mt19937_64& random, bool masked) {
  FloatOperands operands(random);
  u8* data = t.data.data();
  const auto put = [&](u32 at, const auto& value) { std::memcpy(data + at, &value, sizeof value); };
  const auto sixteen = [&](u32 at) {
    const u32 kind = operands.below(4);
    for (u32 n = 0; n < 16; n += 8) put(at + n, random());
    for (u32 n = 0; n < 16; n += 4)
      if (kind == 0) put(at + n, operands.real32());
    for (u32 n = 0; n < 16; n += 8)
      if (kind == 1) put(at + n, operands.real64());
    if (kind == 2) put(at, u64{operands.below(70)}), put(at + 8, u64{operands.below(2)});  // shift counts
  };
  for (u32 n = 0; n < kLayout.images; ++n) {
    const u32 at = kLayout.image(n);
    put(at, FpuState::kInitialControl);
    put(at + 2, static_cast<u16>(operands.below(8) << 11));
    data[at + 4] = static_cast<u8>(random());
    const u32 modes = static_cast<u32>(random()) & 0xE040;  // flush, rounding, denormals are zeros
    put(at + 24, static_cast<u32>((masked ? kAllMasked : kAllMasked & random()) | modes | (random() & 0x3F)));
    for (u32 i = 0; i < 8; ++i) {
      const Float80 r = operands.real80();
      put(at + 32 + i * 16, r.significand), put(at + 40 + i * 16, r.sign_exponent);
      sixteen(at + 160 + i * 16);
    }
  }
  for (u32 at = kLayout.operands; at + 16 <= kLayout.operands + kLayout.operand_bytes; at += 16) sixteen(at);
}

u64 compare_with_host(u64 seed, u64 instructions, bool masked) {
  return compare_units(
      kLayout, kConfig, seed, instructions, make_code,
      [&](Trial& t, std::mt19937_64& random) { fill_from(t, random, masked); }, scrub);
}

}  // namespace

TEST_CASE("some random SIMD instructions agree with the host's processor", "[native][simd]") {
  const bool masked = GENERATE(true, false);
  if (!compare_with_host(20261120, 30'000, masked))
    RINGSIDE_SKIP("this host does not run 32-bit code for us");
}

TEST_CASE("random SIMD instructions agree with the host's processor", "[native][simd][oracle]") {
  const bool masked = GENERATE(true, false);
  const u64 agreed = compare_with_host(20261122, 300'000, masked);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  CHECK(agreed >= 300'000);
}

TEST_CASE("a hundred million SIMD instructions agree with the host's processor", "[.long]") {
  const u64 agreed = compare_with_host(1, 90'000'000, true) + compare_with_host(2, 10'000'000, false);
  WARN(agreed << " random SIMD instructions agree with the host's processor");
}
