// x87 instructions on random states, run by the simulated processor and by the host's: registers, tags,
// status, memory and EFLAGS must be the same, with exceptions masked and unmasked.
#include "cpu/x87/table.h"
#include "tests/cpu/unit_differential.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// FRSTOR's images, with room between them.
constexpr UnitLayout kLayout{
    .images = 6, .image_bytes = 112, .slots = 16, .operands = 3200, .operand_bytes = 800};

bool starts(std::string_view name, std::string_view with) { return name.substr(0, with.size()) == with; }

/// Condition codes that the manual leaves undefined after the instruction.
u16 undefined_conditions(std::string_view name, u16 status, bool number) {
  using namespace x87_status;
  constexpr u16 kOrder = C0 | C2 | C3;
  if (starts(name, "fcomi") || starts(name, "fucomi")) return kConditions;  // C1: manufacturers differ
  const bool stopped = status & x87_status::ES;
  for (const char* comparison : {"fcom", "fucom", "ficom", "ftst"})
    if (starts(name, comparison)) return stopped ? kOrder : u16{0};
  if (starts(name, "fprem"))
    return stopped || status & IE || !number ? kOrder : status & C2 ? C0 | C3 : u16{0};
  if (starts(name, "fxam")) return 0;
  if (starts(name, "fldcw") || starts(name, "fnop") || starts(name, "ffree ") || starts(name, "fnclex"))
    return kConditions;
  return kOrder;
}

constexpr u32 kStatusAt = 4, kPointers = 12, kRegisters = 28, kFlags = 108;

void scrub(std::string_view name, u8* slot) {
  u16 status;
  std::memcpy(&status, slot + kStatusAt, sizeof status);
  // An error that is not masked leaves EFLAGS alone, says one manufacturer.
  if (status & x87_status::ES) std::memset(slot + kFlags, 0, 3);
  const bool number = (slot[kRegisters + 9] & 0x7F) != 0x7F || slot[kRegisters + 8] != 0xFF;  // in ST(0)
  status = static_cast<u16>(status & ~undefined_conditions(name, status, number));
  std::memcpy(slot + kStatusAt, &status, sizeof status);
  std::memset(slot + kPointers, 0, kRegisters - kPointers);  // manufacturers differ in when they are kept
}

/// The instructions that move the state as a whole have tests of their own.
bool suits(std::string_view name) {
  for (const char* other :
       {"fldenv", "fnstenv", "frstor", "fnsave", "fnstcw", "fnstsw", "fneni", "fndisi", "fnsetpm"})
    if (name == other) return false;
  return true;
}

UnitCode make_code(std::mt19937_64& random) {
  UnitCode code;
  const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
  const auto table = x87_table();
  static constexpr u32 kCondition[] = {2, 4, 10};  // CF, ZF, PF
  for (u32 n = 0; n < kLayout.slots; ++n) {
    const X87Row* row;
    do row = &table[below(static_cast<u32>(table.size()))];
    while (!suits(row->mnemonic));
    const u32 slot = kLayout.slot(n), modrm = row->modrm + below(row->count);
    code.b(0xDB), code.b(0xE3);                                          // FNINIT
    code.b(0xDD), code.memory(4, kLayout.image(below(kLayout.images)));  // FRSTOR
    code.b(row->opcode);
    if (modrm < 0xC0)
      code.memory(modrm >> 3, kLayout.operands + below(kLayout.operand_bytes / 16 - 1) * 16);
    else
      code.b(modrm);
    code.b(0xDD), code.memory(6, slot);  // FNSAVE
    for (u32 k = 0; k < 3; ++k) code.setcc(kCondition[k], slot + kFlags + k);
    code.b(0xF7), code.memory(0, kLayout.image(0) + kRegisters),
        code.d(static_cast<u32>(random()));  // TEST: flags of its own for the next
    char name[64];
    std::snprintf(name, sizeof name, "%s %02X %02X", row->mnemonic, row->opcode, modrm);
    code.names.push_back(name);
  }
  return code;
}

void fill(Trial& t, std::mt19937_64& random) {
  FloatOperands operands(random);
  u8* data = t.data.data();
  const auto put = [&](u32 at, const auto& value) { std::memcpy(data + at, &value, sizeof value); };
  const auto put80 = [&](u32 at, const Float80& r) { put(at, r.significand), put(at + 8, r.sign_exponent); };
  for (u32 n = 0; n < kLayout.images; ++n) {
    const u32 at = kLayout.image(n);
    const u32 masks = operands.below(3) ? 0x3F : static_cast<u32>(random() & 0x3F);
    put(at, static_cast<u16>(0x40 | masks | operands.below(4) << 8 | operands.below(4) << 10));
    // An exception that waits would end the code: only masked ones.
    const u32 top = operands.below(8);
    put(at + 4, static_cast<u16>((random() & masks) | top << 11 | (random() & 0x4700)));
    u32 tags = 0;
    for (u32 i = 0; i < 8; ++i) tags |= (operands.below(5) ? 0u : 3u) << (2 * i);
    if (operands.below(3) == 0) tags |= 3u << 2 * ((top + 7) & 7);  // room for a push
    put(at + 8, static_cast<u16>(tags));
    for (u32 i = 0; i < 8; ++i) put80(at + 28 + i * 10, operands.real80());
  }
  for (u32 at = kLayout.operands; at + 16 <= kLayout.operands + kLayout.operand_bytes; at += 16) {
    put(at, random()), put(at + 8, random());
    switch (operands.below(6)) {
      case 0: put(at, operands.real32()); break;
      case 1: put(at, operands.real64()); break;
      case 2: put(at, operands.integer32()); break;
      case 3: operands.decimal(data + at); break;
      case 4: put80(at, operands.real80()); break;
      default: break;
    }
  }
}

u64 compare_with_host(u64 seed, u64 instructions) {
  return compare_units(kLayout, {}, seed, instructions, make_code, fill, scrub);
}

}  // namespace

TEST_CASE("some random x87 instructions agree with the host's processor", "[native][x87]") {
  if (!compare_with_host(20261120, 50'000)) RINGSIDE_SKIP("this host does not run 32-bit code for us");
}

TEST_CASE("random x87 instructions agree with the host's processor", "[native][x87][oracle]") {
  const u64 agreed = compare_with_host(20261121, 1'000'000);
  if (!agreed) RINGSIDE_SKIP("this host does not run 32-bit code for us");
  CHECK(agreed >= 1'000'000);
}

TEST_CASE("a hundred million x87 instructions agree with the host's processor", "[.long]") {
  const u64 agreed = compare_with_host(1, 100'000'000);
  WARN(agreed << " random x87 instructions agree with the host's processor");
}
