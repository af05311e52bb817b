// Reading an ELF32 file for the i386: program headers, notes, function symbols.
//
// Modelled: what a static executable has. Simplified: no relocation, no dynamic linking. Every offset in the
// file is taken for hostile. Manual: System V ABI, chapters 4 and 5; Intel386 supplement.
#pragma once

#include "hypervisor/boot/image.h"

namespace ringside {

bool is_elf(std::span<const u8> file);

/// Fills in segments, symbols, paravirtual notes and the entry point. Throws HostError.
void read_elf32(Image& image, std::span<const u8> file);

}  // namespace ringside
