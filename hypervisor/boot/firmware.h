// Starting a guest through its BIOS (guests/bios/), which a ROM below 1 MiB holds.
//
// Simplified: the ROM lies in RAM, as a PC's "shadow" of it does, and may be overwritten; nothing is mapped
// at the top of 4 GiB, so that the first instruction is fetched from F000:FFF0 below 1 MiB. Manual: Intel SDM
// vol. 3 section 9.1.4, "First Instruction Executed".
#pragma once

#include "hypervisor/boot/image.h"

namespace ringside {

/// What the BIOS starts at the end of its power-on instead of a boot sector: 16-bit code in memory already.
struct DirectStart {
  u16 ip, cs, sp, ss;
};

/// The ROM in its place, and the processor as after RESET. Throws HostError without 1 MiB of RAM.
CpuState start_firmware(const Image& image, GuestMemory& ram);
CpuState start_firmware(const Image& image, GuestMemory& ram, DirectStart program);

}  // namespace ringside
