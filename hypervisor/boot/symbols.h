// Names for the addresses of a kernel that carries none: from a System.map (also the guest's own
// /proc/kallsyms) or from the symbol table of an ELF file.
#pragma once

#include "hypervisor/boot/image.h"

namespace ringside {

/// Replaces the image's symbols by those of the file. Throws HostError: unreadable, or no function in it.
void load_symbols(Image& image, const std::string& path);

/// Lines of "address type name" in hexadecimal; functions (types t, T, w, W) are kept, other lines skipped.
std::vector<Symbol> parse_system_map(std::string_view text);

}  // namespace ringside
