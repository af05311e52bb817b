#include "cpu/x87/table.h"

#include "cpu/execute/cold.h"
#include "cpu/x87/bodies.h"
#include "cpu/x87/unit.h"

namespace ringside {

namespace {

using namespace x87;

/// Arithmetic and transfers: they report the error before them, and are what an error handler asks about.
template <Body body>
bool numeric(Insn& i, Core& c) {
  if (!ready(c) || !body(i, c)) return false;
  remember(i, c);
  return true;
}
/// Control instructions that report the error before them.
template <Body body>
bool waiting(Insn& i, Core& c) {
  return ready(c) && body(i, c);
}
/// Control instructions that do not: FN...
template <Body body>
bool immediate(Insn& i, Core& c) {
  return available(c) && body(i, c);
}

/// With an operand in memory.
constexpr u8 m(unsigned reg) { return static_cast<u8>(reg << 3); }

constexpr CpuModel k386 = CpuModel::I386, kP6 = CpuModel::P6;

constexpr X87Row row(u8 opcode, u8 modrm, u8 count, const char* mnemonic, Handler run,
                     CpuModel since = k386) {
  return {opcode, modrm, count, mnemonic, run, run, since};
}
template <Body body>
constexpr X87Row number(u8 opcode, u8 modrm, u8 count, const char* mnemonic, CpuModel since = k386) {
  return row(opcode, modrm, count, mnemonic, cold<numeric<body>>, since);
}
/// The instruction reads EFLAGS or writes them.
template <Body body>
constexpr X87Row flags(u8 opcode, u8 modrm, const char* mnemonic) {
  return row(opcode, modrm, 8, mnemonic, looking<numeric<body>>, kP6);
}
template <Body body>
constexpr X87Row wait(u8 opcode, u8 modrm, u8 count, const char* mnemonic) {
  return row(opcode, modrm, count, mnemonic, cold<waiting<body>>);
}
template <Body body>
constexpr X87Row no_wait(u8 opcode, u8 modrm, u8 count, const char* mnemonic) {
  return row(opcode, modrm, count, mnemonic, cold<immediate<body>>);
}

// clang-format off
constexpr X87Row kTable[] = {
    // ---- Arithmetic
    number<with_real32>(0xD8, m(0), 1, "fadd"),
    number<with_real32>(0xD8, m(1), 1, "fmul"),
    number<with_real32>(0xD8, m(2), 1, "fcom"),
    number<with_real32>(0xD8, m(3), 1, "fcomp"),
    number<with_real32>(0xD8, m(4), 1, "fsub"),
    number<with_real32>(0xD8, m(5), 1, "fsubr"),
    number<with_real32>(0xD8, m(6), 1, "fdiv"),
    number<with_real32>(0xD8, m(7), 1, "fdivr"),
    number<with_real64>(0xDC, m(0), 1, "fadd"),
    number<with_real64>(0xDC, m(1), 1, "fmul"),
    number<with_real64>(0xDC, m(2), 1, "fcom"),
    number<with_real64>(0xDC, m(3), 1, "fcomp"),
    number<with_real64>(0xDC, m(4), 1, "fsub"),
    number<with_real64>(0xDC, m(5), 1, "fsubr"),
    number<with_real64>(0xDC, m(6), 1, "fdiv"),
    number<with_real64>(0xDC, m(7), 1, "fdivr"),
    number<with_integer32>(0xDA, m(0), 1, "fiadd"),
    number<with_integer32>(0xDA, m(1), 1, "fimul"),
    number<with_integer32>(0xDA, m(2), 1, "ficom"),
    number<with_integer32>(0xDA, m(3), 1, "ficomp"),
    number<with_integer32>(0xDA, m(4), 1, "fisub"),
    number<with_integer32>(0xDA, m(5), 1, "fisubr"),
    number<with_integer32>(0xDA, m(6), 1, "fidiv"),
    number<with_integer32>(0xDA, m(7), 1, "fidivr"),
    number<with_integer16>(0xDE, m(0), 1, "fiadd"),
    number<with_integer16>(0xDE, m(1), 1, "fimul"),
    number<with_integer16>(0xDE, m(2), 1, "ficom"),
    number<with_integer16>(0xDE, m(3), 1, "ficomp"),
    number<with_integer16>(0xDE, m(4), 1, "fisub"),
    number<with_integer16>(0xDE, m(5), 1, "fisubr"),
    number<with_integer16>(0xDE, m(6), 1, "fidiv"),
    number<with_integer16>(0xDE, m(7), 1, "fidivr"),
    number<into_top>(0xD8, 0xC0, 8, "fadd"),
    number<into_top>(0xD8, 0xC8, 8, "fmul"),
    number<into_top>(0xD8, 0xD0, 8, "fcom"),
    number<into_top>(0xD8, 0xD8, 8, "fcomp"),
    number<into_top>(0xD8, 0xE0, 8, "fsub"),
    number<into_top>(0xD8, 0xE8, 8, "fsubr"),
    number<into_top>(0xD8, 0xF0, 8, "fdiv"),
    number<into_top>(0xD8, 0xF8, 8, "fdivr"),
    number<into_other>(0xDC, 0xC0, 8, "fadd"),
    number<into_other>(0xDC, 0xC8, 8, "fmul"),
    number<into_other>(0xDC, 0xE0, 8, "fsubr"),
    number<into_other>(0xDC, 0xE8, 8, "fsub"),
    number<into_other>(0xDC, 0xF0, 8, "fdivr"),
    number<into_other>(0xDC, 0xF8, 8, "fdiv"),
    number<into_other_pop>(0xDE, 0xC0, 8, "faddp"),
    number<into_other_pop>(0xDE, 0xC8, 8, "fmulp"),
    number<compare_pop_pop>(0xDE, 0xD9, 1, "fcompp"),
    number<into_other_pop>(0xDE, 0xE0, 8, "fsubrp"),
    number<into_other_pop>(0xDE, 0xE8, 8, "fsubp"),
    number<into_other_pop>(0xDE, 0xF0, 8, "fdivrp"),
    number<into_other_pop>(0xDE, 0xF8, 8, "fdivp"),
    number<unordered_compare>(0xDD, 0xE0, 8, "fucom"),
    number<unordered_compare_pop>(0xDD, 0xE8, 8, "fucomp"),
    number<unordered_compare_pop_pop>(0xDA, 0xE9, 1, "fucompp"),
    flags<compare_to_flags>(0xDB, 0xE8, "fucomi"),
    flags<compare_to_flags>(0xDB, 0xF0, "fcomi"),
    flags<compare_to_flags>(0xDF, 0xE8, "fucomip"),
    flags<compare_to_flags>(0xDF, 0xF0, "fcomip"),
    flags<conditional_move>(0xDA, 0xC0, "fcmovb"),
    flags<conditional_move>(0xDA, 0xC8, "fcmove"),
    flags<conditional_move>(0xDA, 0xD0, "fcmovbe"),
    flags<conditional_move>(0xDA, 0xD8, "fcmovu"),
    flags<conditional_move>(0xDB, 0xC0, "fcmovnb"),
    flags<conditional_move>(0xDB, 0xC8, "fcmovne"),
    flags<conditional_move>(0xDB, 0xD0, "fcmovnbe"),
    flags<conditional_move>(0xDB, 0xD8, "fcmovnu"),
    // ---- Transfers
    number<load_real32>(0xD9, m(0), 1, "fld"),
    number<store_real32>(0xD9, m(2), 1, "fst"),
    number<store_real32>(0xD9, m(3), 1, "fstp"),
    number<load_real64>(0xDD, m(0), 1, "fld"),
    number<store_real64>(0xDD, m(2), 1, "fst"),
    number<store_real64>(0xDD, m(3), 1, "fstp"),
    number<load_real80>(0xDB, m(5), 1, "fld"),
    number<store_real80>(0xDB, m(7), 1, "fstp"),
    number<load_integer16>(0xDF, m(0), 1, "fild"),
    number<store_integer16>(0xDF, m(2), 1, "fist"),
    number<store_integer16>(0xDF, m(3), 1, "fistp"),
    number<load_integer32>(0xDB, m(0), 1, "fild"),
    number<store_integer32>(0xDB, m(2), 1, "fist"),
    number<store_integer32>(0xDB, m(3), 1, "fistp"),
    number<load_integer64>(0xDF, m(5), 1, "fild"),
    number<store_integer64>(0xDF, m(7), 1, "fistp"),
    number<load_decimal>(0xDF, m(4), 1, "fbld"),
    number<store_decimal>(0xDF, m(6), 1, "fbstp"),
    number<load_register>(0xD9, 0xC0, 8, "fld"),
    number<exchange>(0xD9, 0xC8, 8, "fxch"),
    number<store_register>(0xDD, 0xD0, 8, "fst"),
    number<store_register_pop>(0xDD, 0xD8, 8, "fstp"),
    number<load_constant>(0xD9, 0xE8, 1, "fld1"),
    number<load_constant>(0xD9, 0xE9, 1, "fldl2t"),
    number<load_constant>(0xD9, 0xEA, 1, "fldl2e"),
    number<load_constant>(0xD9, 0xEB, 1, "fldpi"),
    number<load_constant>(0xD9, 0xEC, 1, "fldlg2"),
    number<load_constant>(0xD9, 0xED, 1, "fldln2"),
    number<load_constant>(0xD9, 0xEE, 1, "fldz"),
    // ---- Functions
    number<change_sign>(0xD9, 0xE0, 1, "fchs"),
    number<absolute>(0xD9, 0xE1, 1, "fabs"),
    number<test>(0xD9, 0xE4, 1, "ftst"),
    number<examine>(0xD9, 0xE5, 1, "fxam"),
    number<unary>(0xD9, 0xF0, 1, "f2xm1"),
    number<two_operands_pop>(0xD9, 0xF1, 1, "fyl2x"),
    number<two_results>(0xD9, 0xF2, 1, "fptan"),
    number<two_operands_pop>(0xD9, 0xF3, 1, "fpatan"),
    number<two_results>(0xD9, 0xF4, 1, "fxtract"),
    number<remainder_or_scale>(0xD9, 0xF5, 1, "fprem1"),
    number<remainder_or_scale>(0xD9, 0xF8, 1, "fprem"),
    number<two_operands_pop>(0xD9, 0xF9, 1, "fyl2xp1"),
    number<unary>(0xD9, 0xFA, 1, "fsqrt"),
    number<two_results>(0xD9, 0xFB, 1, "fsincos"),
    number<unary>(0xD9, 0xFC, 1, "frndint"),
    number<remainder_or_scale>(0xD9, 0xFD, 1, "fscale"),
    number<unary>(0xD9, 0xFE, 1, "fsin"),
    number<unary>(0xD9, 0xFF, 1, "fcos"),
    // ---- Control
    number<nothing>(0xD9, 0xD0, 1, "fnop"),
    number<decrement_top>(0xD9, 0xF6, 1, "fdecstp"),
    number<increment_top>(0xD9, 0xF7, 1, "fincstp"),
    number<free_register>(0xDD, 0xC0, 8, "ffree"),
    wait<load_control>(0xD9, m(5), 1, "fldcw"),
    no_wait<store_control>(0xD9, m(7), 1, "fnstcw"),
    no_wait<store_status>(0xDD, m(7), 1, "fnstsw"),
    no_wait<store_status_to_ax>(0xDF, 0xE0, 1, "fnstsw"),
    no_wait<clear_exceptions>(0xDB, 0xE2, 1, "fnclex"),
    no_wait<initialise>(0xDB, 0xE3, 1, "fninit"),
    {0xD9, m(4), 1, "fldenv", cold<waiting<load_environment16>>, cold<waiting<load_environment32>>, k386},
    {0xD9, m(6), 1, "fnstenv", cold<immediate<store_environment16>>, cold<immediate<store_environment32>>, k386},
    {0xDD, m(4), 1, "frstor", cold<waiting<restore16>>, cold<waiting<restore32>>, k386},
    {0xDD, m(6), 1, "fnsave", cold<immediate<save16>>, cold<immediate<save32>>, k386},
    // ---- What the 8087 and the 80287 did, and nobody since
    no_wait<nothing>(0xDB, 0xE0, 1, "fneni"),
    no_wait<nothing>(0xDB, 0xE1, 1, "fndisi"),
    no_wait<nothing>(0xDB, 0xE4, 1, "fnsetpm"),
    // ---- Aliases that every x87 executes and no manual promises
    number<into_other>(0xDC, 0xD0, 8, "fcom"),
    number<into_other>(0xDC, 0xD8, 8, "fcomp"),
    number<compare_pop>(0xDE, 0xD0, 8, "fcomp"),
    number<exchange>(0xDD, 0xC8, 8, "fxch"),
    number<exchange>(0xDF, 0xC8, 8, "fxch"),
    number<move_register_pop>(0xD9, 0xD8, 8, "fstpnce"),
    number<store_register_pop>(0xDF, 0xD0, 8, "fstp"),
    number<store_register_pop>(0xDF, 0xD8, 8, "fstp"),
    number<free_register_pop>(0xDF, 0xC0, 8, "ffreep"),
};
// clang-format on

constexpr u8 kNoRow = 0xFF;
static_assert(std::size(kTable) < kNoRow);

/// [opcode][reg field of a memory operand, or 8 + low six bits of ModRM]
struct Index {
  u8 row[8][8 + 64];
};

constexpr unsigned slot(u8 modrm) { return modrm < 0xC0 ? (modrm >> 3) & 7 : 8u + (modrm & 63); }

constexpr Index build_index() {
  Index index{};
  for (auto& opcode : index.row)
    for (u8& n : opcode) n = kNoRow;
  for (u8 n = 0; n < std::size(kTable); ++n)
    for (unsigned k = 0; k < kTable[n].count; ++k)
      index.row[kTable[n].opcode & 7][slot(static_cast<u8>(kTable[n].modrm + k))] = n;
  return index;
}

constexpr Index kIndex = build_index();

}  // namespace

std::span<const X87Row> x87_table() { return kTable; }

const X87Row* find_x87(u8 opcode, u8 modrm) {
  const u8 n = kIndex.row[opcode & 7][slot(modrm)];
  return n == kNoRow ? nullptr : &kTable[n];
}

}  // namespace ringside
