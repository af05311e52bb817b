#include "cpu/simd/host_simd.h"

#include <cstring>

#if !defined(__x86_64__) && !defined(__i386__)
#error "MMX and SSE are computed on the host's own: Ringside needs an x86 host"
#endif

namespace ringside::simd {

namespace {

template <class T>
T get(const void* from, unsigned n) {
  T value;
  std::memcpy(&value, static_cast<const u8*>(from) + n * sizeof(T), sizeof value);
  return value;
}
template <class T>
void put(void* to, unsigned n, T value) {
  std::memcpy(static_cast<u8*>(to) + n * sizeof(T), &value, sizeof value);
}

}  // namespace

// ---- moves and shuffles

void move4(void* to, const void* from, u8) { std::memcpy(to, from, 4); }
void move8(void* to, const void* from, u8) { std::memcpy(to, from, 8); }
void move16(void* to, const void* from, u8) { std::memcpy(to, from, 16); }
void move4z(void* to, const void* from, u8) {
  std::memset(to, 0, 16);
  std::memcpy(to, from, 4);
}
void move8z(void* to, const void* from, u8) {
  std::memset(to, 0, 16);
  std::memcpy(to, from, 8);
}
void high_to_low(void* to, const void* from, u8) { put(to, 0, get<u64>(from, 1)); }
void low_to_high(void* to, const void* from, u8) { put(to, 1, get<u64>(from, 0)); }
void high_half(void* to, const void* from, u8) { put(to, 0, get<u64>(from, 1)); }
void punpcklqdq(void* to, const void* from, u8) { put(to, 1, get<u64>(from, 0)); }
void punpckhqdq(void* to, const void* from, u8) {
  put(to, 0, get<u64>(to, 1));
  put(to, 1, get<u64>(from, 1));
}
void unpcklps(void* to, const void* from, u8) {
  const u32 a0 = get<u32>(to, 0), a1 = get<u32>(to, 1), b0 = get<u32>(from, 0), b1 = get<u32>(from, 1);
  put(to, 0, a0), put(to, 1, b0), put(to, 2, a1), put(to, 3, b1);
}
void unpckhps(void* to, const void* from, u8) {
  const u32 a2 = get<u32>(to, 2), a3 = get<u32>(to, 3), b2 = get<u32>(from, 2), b3 = get<u32>(from, 3);
  put(to, 0, a2), put(to, 1, b2), put(to, 2, a3), put(to, 3, b3);
}

namespace {

/// Element n of the result is the one of `from` that two bits of the immediate name; `first` is added to
/// both.
template <class T>
void shuffle(void* to, const void* from, u8 order, unsigned first = 0) {
  T picked[4];
  for (unsigned n = 0; n < 4; ++n) picked[n] = get<T>(from, first + (order >> (2 * n) & 3));
  for (unsigned n = 0; n < 4; ++n) put(to, first + n, picked[n]);
}

template <class T, unsigned count>
u32 sign_mask(const void* from) {
  u32 mask = 0;
  for (unsigned n = 0; n < count; ++n)
    mask |= static_cast<u32>(get<T>(from, n) >> (sizeof(T) * 8 - 1) & 1) << n;
  return mask;
}

}  // namespace

void shuffle_words4(void* to, const void* from, u8 order) { shuffle<u16>(to, from, order); }
void shuffle_dwords(void* to, const void* from, u8 order) { shuffle<u32>(to, from, order); }
void shuffle_low_words(void* to, const void* from, u8 order) {
  const u64 high = get<u64>(from, 1);
  shuffle<u16>(to, from, order);
  put(to, 1, high);
}
void shuffle_high_words(void* to, const void* from, u8 order) {
  const u64 low = get<u64>(from, 0);
  shuffle<u16>(to, from, order, 4);
  put(to, 0, low);
}
void shufps(void* to, const void* from, u8 order) {
  const u32 r[4] = {get<u32>(to, order & 3), get<u32>(to, order >> 2 & 3), get<u32>(from, order >> 4 & 3),
                    get<u32>(from, order >> 6 & 3)};
  std::memcpy(to, r, sizeof r);
}
void shufpd(void* to, const void* from, u8 order) {
  const u64 r[2] = {get<u64>(to, order & 1), get<u64>(from, order >> 1 & 1)};
  std::memcpy(to, r, sizeof r);
}
void insert_word4(void* to, const void* from, u8 n) { put(to, n & 3, get<u16>(from, 0)); }
void insert_word8(void* to, const void* from, u8 n) { put(to, n & 7, get<u16>(from, 0)); }
void extract_word4(void* to, const void* from, u8 n) { put(to, 0, u32{get<u16>(from, n & 3)}); }
void extract_word8(void* to, const void* from, u8 n) { put(to, 0, u32{get<u16>(from, n & 7)}); }
void sign_mask_bytes8(void* to, const void* from, u8) { put(to, 0, sign_mask<u8, 8>(from)); }
void sign_mask_bytes16(void* to, const void* from, u8) { put(to, 0, sign_mask<u8, 16>(from)); }
void sign_mask_ps(void* to, const void* from, u8) { put(to, 0, sign_mask<u32, 4>(from)); }
void sign_mask_pd(void* to, const void* from, u8) { put(to, 0, sign_mask<u64, 2>(from)); }
void psrldq(void* to, const void*, u8 bytes) {
  u8 r[32] = {};
  std::memcpy(r, to, 16);
  std::memcpy(to, r + (bytes < 16 ? bytes : 16), 16);
}
void pslldq(void* to, const void*, u8 bytes) {
  u8 r[32] = {};
  std::memcpy(r + 16, to, 16);
  std::memcpy(to, r + 16 - (bytes < 16 ? bytes : 16), 16);
}

// As in host_float.cpp: an instruction's text cannot be a template argument.

#define RINGSIDE_OPERANDS [d] "+m"(*static_cast<u8(*)[16]>(to)) : [s] "m"(*static_cast<const u8(*)[16]>(from))
#define RINGSIDE_MMX_REGISTERS \
  "mm0", "mm1", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"

#define RINGSIDE_INTEGER(name)                                                           \
  namespace {                                                                            \
  void name##_mmx(void* to, const void* from, u8) {                                      \
    asm volatile("movq %[d], %%mm0\n\t" #name " %[s], %%mm0\n\tmovq %%mm0, %[d]\n\temms" \
                 : RINGSIDE_OPERANDS                                                     \
                 : RINGSIDE_MMX_REGISTERS);                                              \
  }                                                                                      \
  void name##_xmm(void* to, const void* from, u8) {                                      \
    asm volatile("movdqa %[d], %%xmm0\n\t" #name " %[s], %%xmm0\n\tmovdqa %%xmm0, %[d]"  \
                 : RINGSIDE_OPERANDS                                                     \
                 : "xmm0");                                                              \
  }                                                                                      \
  }                                                                                      \
  const Both name{name##_mmx, name##_xmm};

RINGSIDE_INTEGER(punpcklbw)
RINGSIDE_INTEGER(punpcklwd)
RINGSIDE_INTEGER(punpckldq)
RINGSIDE_INTEGER(packsswb)
RINGSIDE_INTEGER(pcmpgtb)
RINGSIDE_INTEGER(pcmpgtw)
RINGSIDE_INTEGER(pcmpgtd)
RINGSIDE_INTEGER(packuswb)
RINGSIDE_INTEGER(punpckhbw)
RINGSIDE_INTEGER(punpckhwd)
RINGSIDE_INTEGER(punpckhdq)
RINGSIDE_INTEGER(packssdw)
RINGSIDE_INTEGER(pcmpeqb)
RINGSIDE_INTEGER(pcmpeqw)
RINGSIDE_INTEGER(pcmpeqd)
RINGSIDE_INTEGER(psrlw)
RINGSIDE_INTEGER(psrld)
RINGSIDE_INTEGER(psrlq)
RINGSIDE_INTEGER(paddq)
RINGSIDE_INTEGER(pmullw)
RINGSIDE_INTEGER(psubusb)
RINGSIDE_INTEGER(psubusw)
RINGSIDE_INTEGER(pminub)
RINGSIDE_INTEGER(pand)
RINGSIDE_INTEGER(paddusb)
RINGSIDE_INTEGER(paddusw)
RINGSIDE_INTEGER(pmaxub)
RINGSIDE_INTEGER(pandn)
RINGSIDE_INTEGER(pavgb)
RINGSIDE_INTEGER(psraw)
RINGSIDE_INTEGER(psrad)
RINGSIDE_INTEGER(pavgw)
RINGSIDE_INTEGER(pmulhuw)
RINGSIDE_INTEGER(pmulhw)
RINGSIDE_INTEGER(psubsb)
RINGSIDE_INTEGER(psubsw)
RINGSIDE_INTEGER(pminsw)
RINGSIDE_INTEGER(por)
RINGSIDE_INTEGER(paddsb)
RINGSIDE_INTEGER(paddsw)
RINGSIDE_INTEGER(pmaxsw)
RINGSIDE_INTEGER(pxor)
RINGSIDE_INTEGER(psllw)
RINGSIDE_INTEGER(pslld)
RINGSIDE_INTEGER(psllq)
RINGSIDE_INTEGER(pmuludq)
RINGSIDE_INTEGER(pmaddwd)
RINGSIDE_INTEGER(psadbw)
RINGSIDE_INTEGER(psubb)
RINGSIDE_INTEGER(psubw)
RINGSIDE_INTEGER(psubd)
RINGSIDE_INTEGER(psubq)
RINGSIDE_INTEGER(paddb)
RINGSIDE_INTEGER(paddw)
RINGSIDE_INTEGER(paddd)

/// A count in a register does what the same count as an immediate does.
#define RINGSIDE_SHIFT(name)                            \
  namespace {                                           \
  void name##_by_mmx(void* to, const void*, u8 count) { \
    alignas(16) const u64 counts[2] = {count, 0};       \
    name##_mmx(to, counts, 0);                          \
  }                                                     \
  void name##_by_xmm(void* to, const void*, u8 count) { \
    alignas(16) const u64 counts[2] = {count, 0};       \
    name##_xmm(to, counts, 0);                          \
  }                                                     \
  }                                                     \
  const Both name##_by{name##_by_mmx, name##_by_xmm};

RINGSIDE_SHIFT(psrlw)
RINGSIDE_SHIFT(psraw)
RINGSIDE_SHIFT(psllw)
RINGSIDE_SHIFT(psrld)
RINGSIDE_SHIFT(psrad)
RINGSIDE_SHIFT(pslld)
RINGSIDE_SHIFT(psrlq)
RINGSIDE_SHIFT(psllq)

/// `body` between the guest's MXCSR and the host's.
#define RINGSIDE_UNDER_MXCSR(body, ...)                                                                 \
  u32 host, guest = mxcsr;                                                                              \
  asm volatile("stmxcsr %[host]\n\tldmxcsr %[guest]\n\t" body "\n\tstmxcsr %[guest]\n\tldmxcsr %[host]" \
               : [host] "=m"(host), [guest] "+m"(guest), RINGSIDE_OPERANDS                              \
               : __VA_ARGS__);                                                                          \
  return guest;
/// to := to op from
#define RINGSIDE_FLOAT(function, text)                                                     \
  u32 function(u32 mxcsr, void* to, const void* from, u8) {                                \
    RINGSIDE_UNDER_MXCSR("movaps %[d], %%xmm0\n\t" text "\n\tmovaps %%xmm0, %[d]", "xmm0") \
  }
#define RINGSIDE_FOUR(name, text)                   \
  namespace {                                       \
  RINGSIDE_FLOAT(name##_ps, text "ps %[s], %%xmm0") \
  RINGSIDE_FLOAT(name##_pd, text "pd %[s], %%xmm0") \
  RINGSIDE_FLOAT(name##_ss, text "ss %[s], %%xmm0") \
  RINGSIDE_FLOAT(name##_sd, text "sd %[s], %%xmm0") \
  }                                                 \
  const FourForms name{name##_ps, name##_pd, name##_ss, name##_sd};

RINGSIDE_FOUR(square_root, "sqrt")
RINGSIDE_FOUR(add, "add")
RINGSIDE_FOUR(multiply, "mul")
RINGSIDE_FOUR(subtract, "sub")
RINGSIDE_FOUR(minimum, "min")
RINGSIDE_FOUR(divide, "div")
RINGSIDE_FOUR(maximum, "max")

#define RINGSIDE_PREDICATE(n, text)                      \
  RINGSIDE_FLOAT(compare_ps_##n, text "ps %[s], %%xmm0") \
  RINGSIDE_FLOAT(compare_pd_##n, text "pd %[s], %%xmm0") \
  RINGSIDE_FLOAT(compare_ss_##n, text "ss %[s], %%xmm0") \
  RINGSIDE_FLOAT(compare_sd_##n, text "sd %[s], %%xmm0")

namespace {

RINGSIDE_PREDICATE(0, "cmpeq")
RINGSIDE_PREDICATE(1, "cmplt")
RINGSIDE_PREDICATE(2, "cmple")
RINGSIDE_PREDICATE(3, "cmpunord")
RINGSIDE_PREDICATE(4, "cmpneq")
RINGSIDE_PREDICATE(5, "cmpnlt")
RINGSIDE_PREDICATE(6, "cmpnle")
RINGSIDE_PREDICATE(7, "cmpord")

template <const Arithmetic (&predicates)[8]>
u32 by_predicate(u32 mxcsr, void* to, const void* from, u8 n) {
  return predicates[n & 7](mxcsr, to, from, 0);
}
constexpr Arithmetic kPs[8] = {compare_ps_0, compare_ps_1, compare_ps_2, compare_ps_3,
                               compare_ps_4, compare_ps_5, compare_ps_6, compare_ps_7};
constexpr Arithmetic kPd[8] = {compare_pd_0, compare_pd_1, compare_pd_2, compare_pd_3,
                               compare_pd_4, compare_pd_5, compare_pd_6, compare_pd_7};
constexpr Arithmetic kSs[8] = {compare_ss_0, compare_ss_1, compare_ss_2, compare_ss_3,
                               compare_ss_4, compare_ss_5, compare_ss_6, compare_ss_7};
constexpr Arithmetic kSd[8] = {compare_sd_0, compare_sd_1, compare_sd_2, compare_sd_3,
                               compare_sd_4, compare_sd_5, compare_sd_6, compare_sd_7};

}  // namespace

const FourForms compare{by_predicate<kPs>, by_predicate<kPd>, by_predicate<kSs>, by_predicate<kSd>};

RINGSIDE_FLOAT(rsqrtps, "rsqrtps %[s], %%xmm0")
RINGSIDE_FLOAT(rsqrtss, "rsqrtss %[s], %%xmm0")
RINGSIDE_FLOAT(rcpps, "rcpps %[s], %%xmm0")
RINGSIDE_FLOAT(rcpss, "rcpss %[s], %%xmm0")
RINGSIDE_FLOAT(cvtps2pd, "cvtps2pd %[s], %%xmm0")
RINGSIDE_FLOAT(cvtpd2ps, "cvtpd2ps %[s], %%xmm0")
RINGSIDE_FLOAT(cvtss2sd, "cvtss2sd %[s], %%xmm0")
RINGSIDE_FLOAT(cvtsd2ss, "cvtsd2ss %[s], %%xmm0")
RINGSIDE_FLOAT(cvtdq2ps, "cvtdq2ps %[s], %%xmm0")
RINGSIDE_FLOAT(cvtps2dq, "cvtps2dq %[s], %%xmm0")
RINGSIDE_FLOAT(cvttps2dq, "cvttps2dq %[s], %%xmm0")
RINGSIDE_FLOAT(cvtdq2pd, "cvtdq2pd %[s], %%xmm0")
RINGSIDE_FLOAT(cvttpd2dq, "cvttpd2dq %[s], %%xmm0")
RINGSIDE_FLOAT(cvtpd2dq, "cvtpd2dq %[s], %%xmm0")
RINGSIDE_FLOAT(cvtsi2ss, "cvtsi2ssl %[s], %%xmm0")
RINGSIDE_FLOAT(cvtsi2sd, "cvtsi2sdl %[s], %%xmm0")

/// Between the halves of two register files.
#define RINGSIDE_WITH_MMX(function, text)                                 \
  u32 function(u32 mxcsr, void* to, const void* from, u8) {               \
    RINGSIDE_UNDER_MXCSR(text "\n\temms", "xmm0", RINGSIDE_MMX_REGISTERS) \
  }
RINGSIDE_WITH_MMX(cvtpi2ps, "movaps %[d], %%xmm0\n\tcvtpi2ps %[s], %%xmm0\n\tmovaps %%xmm0, %[d]")
RINGSIDE_WITH_MMX(cvtpi2pd, "cvtpi2pd %[s], %%xmm0\n\tmovaps %%xmm0, %[d]")
RINGSIDE_WITH_MMX(cvttps2pi, "cvttps2pi %[s], %%mm0\n\tmovq %%mm0, %[d]")
RINGSIDE_WITH_MMX(cvtps2pi, "cvtps2pi %[s], %%mm0\n\tmovq %%mm0, %[d]")
RINGSIDE_WITH_MMX(cvttpd2pi, "cvttpd2pi %[s], %%mm0\n\tmovq %%mm0, %[d]")
RINGSIDE_WITH_MMX(cvtpd2pi, "cvtpd2pi %[s], %%mm0\n\tmovq %%mm0, %[d]")

#define RINGSIDE_TO_GPR(function)                                             \
  u32 function(u32 mxcsr, void* to, const void* from, u8) {                   \
    RINGSIDE_UNDER_MXCSR(#function " %[s], %%eax\n\tmovl %%eax, %[d]", "eax") \
  }
RINGSIDE_TO_GPR(cvttss2si)
RINGSIDE_TO_GPR(cvtss2si)
RINGSIDE_TO_GPR(cvttsd2si)
RINGSIDE_TO_GPR(cvtsd2si)

#define RINGSIDE_COMPARE(function)                                                          \
  u32 function(u32 mxcsr, void* to, const void* from, u8) {                                 \
    RINGSIDE_UNDER_MXCSR("movaps %[d], %%xmm0\n\t" #function                                \
                         " %[s], %%xmm0\n\tlahf\n\tmovzbl %%ah, %%eax\n\tmovl %%eax, %[d]", \
                         "eax", "xmm0", "cc")                                               \
  }
RINGSIDE_COMPARE(ucomiss)
RINGSIDE_COMPARE(ucomisd)
RINGSIDE_COMPARE(comiss)
RINGSIDE_COMPARE(comisd)

}  // namespace ringside::simd
