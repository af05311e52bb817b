#include "labs/framework/flat_guest.h"

namespace ringside::labs {

SegmentRegister FlatGuest::flat(u16 selector, bool code) {
  using namespace access_rights;
  const u32 dpl = selector & 3;
  return {.selector = selector,
          .access = kS | kPresent | kBig | kGranularity | kAccessed | kWritableOrReadable | dpl << 5 |
                    (code ? kCode : 0),
          .base = 0,
          .limit = ~u32{0}};
}

CpuState FlatGuest::place(const GuestMemory& ram) {
  const auto poke = [&](u32 address, u32 value) { ram.write(GuestPhys(address), value); };
  const auto descriptor = [&](u16 selector, u32 low, u32 high) {
    poke(kGdt + (selector & ~7u), low);
    poke(kGdt + (selector & ~7u) + 4, high);
  };
  descriptor(kCode0, 0xFFFF, 0xCF9B00);
  descriptor(kData0, 0xFFFF, 0xCF9300);
  descriptor(kCode3, 0xFFFF, 0xCFFB00);
  descriptor(kData3, 0xFFFF, 0xCFF300);
  descriptor(kTaskState, kTss << 16 | 103, 0x8B00);
  for (u32 v = 0; v < 256; ++v) {
    const u32 type = v == kTrapGate ? 0x8F : v == kUserGate ? 0xEF : 0x8E;
    poke(kIdt + v * 8, u32{kCode0} << 16 | (kHandlers + v * 16));
    poke(kIdt + v * 8 + 4, type << 8);
  }
  poke(kTss + 4, kKernelStack);
  poke(kTss + 8, kData0);
  poke(kIdtPointer, kIdt << 16 | 0x7FF);
  poke(kIdtPointer + 4, kIdt >> 16);

  CpuState boot;
  boot.cr0 = cr0::PE | cr0::ET;
  boot.eip = kCode;
  boot.gdtr = {kGdt, 0x2F};
  boot.idtr = {0, 0};
  boot.tr = {.selector = kTaskState, .access = 0x8B, .base = kTss, .limit = 103};
  boot.seg[CS] = flat(kCode0, true);
  for (Seg s : {DS, ES, SS, FS, GS}) boot.seg[s] = flat(kData0, false);
  boot.gpr[ESP] = kStack;
  return boot;
}

}  // namespace ringside::labs
