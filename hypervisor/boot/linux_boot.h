// The Linux/x86 boot protocol: what a boot loader does for a bzImage.
//
// Modelled: the 32-bit entry with a complete zero page (setup header, E820h map, display, command line,
// initial RAM disk, heap), for kernels of protocol 2.02 and later that load at 1 MiB; the 16-bit entry,
// through the BIOS, for those without a 32-bit one (iPXE). Simplified: at the 32-bit entry the real-mode
// setup code has not run, so that what it would ask the firmware (APM, EDD, video modes) is left out; the
// loader calls itself "undefined" (FFh), as one without a number does. Manual: Linux kernel,
// Documentation/x86/boot.rst ("The Linux/x86 Boot Protocol") and zero-page.rst.
#pragma once

#include "hypervisor/boot/image.h"

namespace ringside {

/// Whether the file carries the setup header's signature ("HdrS" at 202h).
bool is_linux(std::span<const u8> bytes);

/// Fills `image` from a bzImage. Throws HostError naming file, offset and remedy: truncated, or a protocol
/// that is too old.
void read_linux(Image& image, std::span<const u8> bytes);

/// Whether the kernel starts only at its 16-bit entry, for which `image` needs firmware.
bool starts_in_real_mode(const Image& image);

/// Places kernel, initial RAM disk, zero page and command line; returns the processor's state at the entry
/// point, or before the firmware. Throws HostError if they do not fit into RAM, or the kernel forbids them.
CpuState boot_linux(const Image& image, GuestMemory& ram, const std::string& command_line);

}  // namespace ringside
