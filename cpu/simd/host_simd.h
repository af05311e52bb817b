// What MMX, SSE and SSE2 instructions compute, carried out by the host's own units.
//
// Simplified: RCPPS, RSQRTPS and their scalar forms approximate as the host's manufacturer does. A host that
// is not x86 has no such units, and the file does not compile there.
#pragma once

#include "cpu/fpu_state.h"

namespace ringside::simd {

/// Both operands are 16-byte buffers, aligned; of MMX only the first 8 bytes count. The result replaces `to`.
using Operation = void (*)(void* to, const void* from, u8 immediate);
/// The same under the guest's MXCSR with all exceptions masked; returns the MXCSR afterwards.
using Arithmetic = u32 (*)(u32 mxcsr, void* to, const void* from, u8 immediate);

namespace mxcsr {
inline constexpr u32 kExceptions = 0x3F, DAZ = 1u << 6, kMasks = 0x3Fu << 7, FTZ = 1u << 15;
inline constexpr unsigned kMaskShift = 7;
inline constexpr u32 kImplemented =
    0xFFFF;  ///< what LDMXCSR and FXRSTOR may set; DAZ came with the Pentium 4
}  // namespace mxcsr

struct Both {
  Operation mmx, xmm;
};
struct FourForms {
  Arithmetic ps, pd, ss, sd;
};

extern const Both punpcklbw, punpcklwd, punpckldq, packsswb, pcmpgtb, pcmpgtw, pcmpgtd, packuswb, punpckhbw,
    punpckhwd, punpckhdq, packssdw, pcmpeqb, pcmpeqw, pcmpeqd, psrlw, psrld, psrlq, paddq, pmullw, psubusb,
    psubusw, pminub, pand, paddusb, paddusw, pmaxub, pandn, pavgb, psraw, psrad, pavgw, pmulhuw, pmulhw,
    psubsb, psubsw, pminsw, por, paddsb, paddsw, pmaxsw, pxor, psllw, pslld, psllq, pmuludq, pmaddwd, psadbw,
    psubb, psubw, psubd, psubq, paddb, paddw, paddd;
void punpcklqdq(void*, const void*, u8);
void punpckhqdq(void*, const void*, u8);

/// Shifts by an immediate, of `to`, whatever `from` is.
extern const Both psrlw_by, psraw_by, psllw_by, psrld_by, psrad_by, pslld_by, psrlq_by, psllq_by;
void psrldq(void*, const void*, u8);
void pslldq(void*, const void*, u8);

// ---- moves and shuffles; n is how many bytes of `from` are taken, z whether the rest of 16 becomes 0
void move4(void*, const void*, u8);
void move8(void*, const void*, u8);
void move16(void*, const void*, u8);
void move4z(void*, const void*, u8);
void move8z(void*, const void*, u8);
void high_to_low(void*, const void*, u8);  ///< MOVHLPS
void low_to_high(void*, const void*, u8);  ///< MOVLHPS, MOVHPS from memory
void high_half(void*, const void*, u8);    ///< MOVHPS to memory
void unpcklps(void*, const void*, u8);
void unpckhps(void*, const void*, u8);
void shuffle_words4(void*, const void*, u8);  ///< PSHUFW
void shuffle_dwords(void*, const void*, u8);  ///< PSHUFD
void shuffle_low_words(void*, const void*, u8);
void shuffle_high_words(void*, const void*, u8);
void shufps(void*, const void*, u8);
void shufpd(void*, const void*, u8);
void insert_word4(void*, const void*, u8);  ///< PINSRW of MMX
void insert_word8(void*, const void*, u8);
void extract_word4(void*, const void*, u8);
void extract_word8(void*, const void*, u8);
void sign_mask_bytes8(void*, const void*, u8);  ///< PMOVMSKB of MMX
void sign_mask_bytes16(void*, const void*, u8);
void sign_mask_ps(void*, const void*, u8);
void sign_mask_pd(void*, const void*, u8);

// ---- floating point
extern const FourForms square_root, add, multiply, subtract, minimum, divide, maximum, compare;
u32 rsqrtps(u32, void*, const void*, u8);
u32 rsqrtss(u32, void*, const void*, u8);
u32 rcpps(u32, void*, const void*, u8);
u32 rcpss(u32, void*, const void*, u8);
u32 cvtps2pd(u32, void*, const void*, u8);
u32 cvtpd2ps(u32, void*, const void*, u8);
u32 cvtss2sd(u32, void*, const void*, u8);
u32 cvtsd2ss(u32, void*, const void*, u8);
u32 cvtdq2ps(u32, void*, const void*, u8);
u32 cvtps2dq(u32, void*, const void*, u8);
u32 cvttps2dq(u32, void*, const void*, u8);
u32 cvtdq2pd(u32, void*, const void*, u8);
u32 cvttpd2dq(u32, void*, const void*, u8);
u32 cvtpd2dq(u32, void*, const void*, u8);
u32 cvtpi2ps(u32, void*, const void*, u8);
u32 cvtpi2pd(u32, void*, const void*, u8);
u32 cvttps2pi(u32, void*, const void*, u8);
u32 cvtps2pi(u32, void*, const void*, u8);
u32 cvttpd2pi(u32, void*, const void*, u8);
u32 cvtpd2pi(u32, void*, const void*, u8);
u32 cvtsi2ss(u32, void*, const void*, u8);
u32 cvtsi2sd(u32, void*, const void*, u8);
u32 cvttss2si(u32, void*, const void*, u8);
u32 cvtss2si(u32, void*, const void*, u8);
u32 cvttsd2si(u32, void*, const void*, u8);
u32 cvtsd2si(u32, void*, const void*, u8);
/// UCOMIS and COMIS: `to` is compared, and then holds ZF, PF, CF in their EFLAGS places.
u32 ucomiss(u32, void*, const void*, u8);
u32 ucomisd(u32, void*, const void*, u8);
u32 comiss(u32, void*, const void*, u8);
u32 comisd(u32, void*, const void*, u8);

}  // namespace ringside::simd
