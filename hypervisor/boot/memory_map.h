// The guest-physical memory map of the PC, as firmware tells it to a kernel: RAM up to 9FC00h, the firmware's
// own data and the display up to 1 MiB, RAM above.
//
// Manual: ACPI specification 6.4 section 15, "System Address Map Interfaces" (the INT 15h, E820h map).
#pragma once

#include <vector>

#include "hypervisor/guest_memory.h"

namespace ringside {

inline constexpr u32 kConventionalEnd = 0x9FC00, kFirmwareBegin = 0xF0000, kFirmwareEnd = 0x100000;

enum class MemoryKind : u32 { Available = 1, Reserved = 2 };  ///< the numbers are those of E820h

struct MemoryRegion {
  u64 begin, end;
  MemoryKind kind;
};

/// In ascending order, without overlap; what no region covers is no memory.
std::vector<MemoryRegion> memory_map(u64 ram_bytes);

}  // namespace ringside
