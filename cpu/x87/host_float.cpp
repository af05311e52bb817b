#include "cpu/x87/host_float.h"

#if !defined(__x86_64__) && !defined(__i386__)
#error \
    "the x87 is computed on the host's own: Ringside needs an x86 host, or a soft-float library behind host_float.h"
#endif

namespace ringside::host_float {

// The text of an instruction cannot be a template argument, hence the macros: each function is a `prepare` of
// the host's registers under the host's control word, the guest's instruction, and a `collect` of what it
// left. No instruction between FLDCW and FNCLEX waits for a pending error.
#define RINGSIDE_X87(prepare, instruction, collect, memory_output, memory_input)                           \
  {                                                                                                        \
    u16 host;                                                                                              \
    asm volatile(                                                                                          \
        "fnclex\n\tfnstcw %[host]\n\t" prepare "\n\tfldcw %[guest]\n\t" instruction                        \
        "\n\tfnstsw %[status]\n\ttestb $0x80, %[status]\n\tjz 1f\n\tfnclex\n1:\tfldcw %[host]\n\t" collect \
        : [host] "=m"(host), [status] "=m"(r.status), [value] "=m"(r.value),                               \
          [second] "=m"(r.second)memory_output                                                             \
        : [guest] "m"(control)memory_input                                                                 \
        : "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");                      \
  }
#define RINGSIDE_NOTHING
#define RINGSIDE_A , [a] "m"(a)
#define RINGSIDE_A_AND_B , [a] "m"(a), [b] "m"(b)
#define RINGSIDE_A_AND_MEMORY(bytes) , [a] "m"(a), [m] "m"(*static_cast<const u8(*)[bytes]>(memory))
#define RINGSIDE_MEMORY(bytes) , [m] "m"(*static_cast<const u8(*)[bytes]>(memory))
#define RINGSIDE_TO_MEMORY(bytes) , [m] "+m"(*static_cast<u8(*)[bytes]>(memory))

#define RINGSIDE_UNARY(name, instruction)             \
  void name(u16 control, const Float80& a, Result& r) \
      RINGSIDE_X87("fldt %[a]", instruction, "fstpt %[value]", RINGSIDE_NOTHING, RINGSIDE_A)
#define RINGSIDE_UNARY_LOOK(name, instruction)        \
  void name(u16 control, const Float80& a, Result& r) \
      RINGSIDE_X87("fldt %[a]", instruction, "fstp %%st(0)", RINGSIDE_NOTHING, RINGSIDE_A)
/// What was not pushed cannot be popped: afterwards the unit is as new.
#define RINGSIDE_UNARY_TWO(name, instruction)                                                                \
  void name(u16 control, const Float80& a, Result& r)                                                        \
      RINGSIDE_X87("fldt %[a]", instruction, "fstpt %[value]\n\tfstpt %[second]\n\tfninit\n\tfldcw %[host]", \
                   RINGSIDE_NOTHING, RINGSIDE_A)
#define RINGSIDE_BINARY(name, instruction)                                                  \
  void name(u16 control, const Float80& a, const Float80& b, Result& r)                     \
      RINGSIDE_X87("fldt %[b]\n\tfldt %[a]", instruction, "fstpt %[value]\n\tfstp %%st(0)", \
                   RINGSIDE_NOTHING, RINGSIDE_A_AND_B)
#define RINGSIDE_BINARY_LOOK(name, instruction)                                                             \
  void name(u16 control, const Float80& a, const Float80& b, Result& r)                                     \
      RINGSIDE_X87("fldt %[b]\n\tfldt %[a]", instruction, "fstp %%st(0)\n\tfstp %%st(0)", RINGSIDE_NOTHING, \
                   RINGSIDE_A_AND_B)
/// One of the two was popped, unless the instruction stopped: then nobody looks at the value.
#define RINGSIDE_BINARY_POP(name, instruction)                                                         \
  void name(u16 control, const Float80& a, const Float80& b, Result& r)                                \
      RINGSIDE_X87("fldt %[b]\n\tfldt %[a]", instruction, "fstpt %[value]\n\tfninit\n\tfldcw %[host]", \
                   RINGSIDE_NOTHING, RINGSIDE_A_AND_B)
#define RINGSIDE_WITH_REAL(name, instruction, bytes)                                    \
  void name(u16 control, const Float80& a, const void* memory, Result& r) RINGSIDE_X87( \
      "fldt %[a]", instruction " %[m]", "fstpt %[value]", RINGSIDE_NOTHING, RINGSIDE_A_AND_MEMORY(bytes))
#define RINGSIDE_LOAD(name, instruction, bytes)         \
  void name(u16 control, const void* memory, Result& r) \
      RINGSIDE_X87("", instruction " %[m]", "fstpt %[value]", RINGSIDE_NOTHING, RINGSIDE_MEMORY(bytes))
#define RINGSIDE_CONSTANT(name, instruction)     \
  void name(u16 control, const void*, Result& r) \
      RINGSIDE_X87("", instruction, "fstpt %[value]", RINGSIDE_NOTHING, RINGSIDE_NOTHING)
#define RINGSIDE_STORE(name, instruction, bytes)                    \
  void name(u16 control, const Float80& a, void* memory, Result& r) \
      RINGSIDE_X87("fldt %[a]", instruction " %[m]", "ffree %%st(0)", RINGSIDE_TO_MEMORY(bytes), RINGSIDE_A)

namespace {

RINGSIDE_BINARY(add, "fadd %%st(1), %%st")
RINGSIDE_BINARY(multiply, "fmul %%st(1), %%st")
RINGSIDE_BINARY_LOOK(compare, "fcom %%st(1)")
RINGSIDE_BINARY(subtract, "fsub %%st(1), %%st")
RINGSIDE_BINARY(subtract_from, "fsubr %%st(1), %%st")
RINGSIDE_BINARY(divide, "fdiv %%st(1), %%st")
RINGSIDE_BINARY(divide_into, "fdivr %%st(1), %%st")

RINGSIDE_WITH_REAL(add32, "fadds", 4)
RINGSIDE_WITH_REAL(multiply32, "fmuls", 4)
RINGSIDE_WITH_REAL(compare32, "fcoms", 4)
RINGSIDE_WITH_REAL(subtract32, "fsubs", 4)
RINGSIDE_WITH_REAL(subtract_from32, "fsubrs", 4)
RINGSIDE_WITH_REAL(divide32, "fdivs", 4)
RINGSIDE_WITH_REAL(divide_into32, "fdivrs", 4)

RINGSIDE_WITH_REAL(add64, "faddl", 8)
RINGSIDE_WITH_REAL(multiply64, "fmull", 8)
RINGSIDE_WITH_REAL(compare64, "fcoml", 8)
RINGSIDE_WITH_REAL(subtract64, "fsubl", 8)
RINGSIDE_WITH_REAL(subtract_from64, "fsubrl", 8)
RINGSIDE_WITH_REAL(divide64, "fdivl", 8)
RINGSIDE_WITH_REAL(divide_into64, "fdivrl", 8)

RINGSIDE_CONSTANT(one, "fld1")
RINGSIDE_CONSTANT(log2_10, "fldl2t")
RINGSIDE_CONSTANT(log2_e, "fldl2e")
RINGSIDE_CONSTANT(pi, "fldpi")
RINGSIDE_CONSTANT(log10_2, "fldlg2")
RINGSIDE_CONSTANT(loge_2, "fldln2")
RINGSIDE_CONSTANT(zero, "fldz")

}  // namespace

RINGSIDE_BINARY_LOOK(unordered_compare, "fucom %%st(1)")
RINGSIDE_BINARY(partial_remainder, "fprem")
RINGSIDE_BINARY(ieee_remainder, "fprem1")
RINGSIDE_BINARY(scale, "fscale")
RINGSIDE_BINARY_POP(y_log2_x, "fyl2x")
RINGSIDE_BINARY_POP(y_log2_x_plus_1, "fyl2xp1")
RINGSIDE_BINARY_POP(partial_arctangent, "fpatan")
RINGSIDE_UNARY(square_root, "fsqrt")
RINGSIDE_UNARY(round_to_integer, "frndint")
RINGSIDE_UNARY(two_to_x_minus_1, "f2xm1")
RINGSIDE_UNARY(sine, "fsin")
RINGSIDE_UNARY(cosine, "fcos")
RINGSIDE_UNARY_LOOK(test, "ftst")
RINGSIDE_UNARY_LOOK(examine, "fxam")
RINGSIDE_UNARY_TWO(tangent, "fptan")
RINGSIDE_UNARY_TWO(sine_and_cosine, "fsincos")
RINGSIDE_UNARY_TWO(extract, "fxtract")
RINGSIDE_LOAD(load_real32, "flds", 4)
RINGSIDE_LOAD(load_real64, "fldl", 8)
RINGSIDE_LOAD(load_integer16, "filds", 2)
RINGSIDE_LOAD(load_integer32, "fildl", 4)
RINGSIDE_LOAD(load_integer64, "fildll", 8)
RINGSIDE_LOAD(load_decimal, "fbld", 10)
RINGSIDE_STORE(store_real32, "fsts", 4)
RINGSIDE_STORE(store_real64, "fstl", 8)
RINGSIDE_STORE(store_integer16, "fists", 2)
RINGSIDE_STORE(store_integer32, "fistl", 4)
RINGSIDE_STORE(store_integer64, "fistpll", 8)
RINGSIDE_STORE(store_decimal, "fbstp", 10)

const Binary kArithmetic[8] = {add, multiply, compare, compare, subtract, subtract_from, divide, divide_into};
const WithReal kArithmeticReal32[8] = {add32,      multiply32,      compare32, compare32,
                                       subtract32, subtract_from32, divide32,  divide_into32};
const WithReal kArithmeticReal64[8] = {add64,      multiply64,      compare64, compare64,
                                       subtract64, subtract_from64, divide64,  divide_into64};
const Load kConstants[7] = {one, log2_10, log2_e, pi, log10_2, loge_2, zero};

}  // namespace ringside::host_float
