// The MP tables: how firmware of the time before ACPI tells a kernel of local APICs, I/O APICs and the
// interrupt lines between them.
//
// Modelled: the floating pointer structure at F0000h, where the BIOS's ROM begins, and behind it a
// configuration table with one processor, the buses PCI and ISA, one I/O APIC, the wiring of its pins and of
// LINT0 and LINT1. PCI's interrupts are those that the configuration space tells of. Virtual wire mode: no
// IMCR. There is no ACPI: no RSDP, and so no tables that it would lead to.
// Manual: Intel MultiProcessor Specification 1.4, chapter 4.
#pragma once

#include "hypervisor/host.h"

namespace ringside {

inline constexpr u32 kMpTables = 0xF0000;

/// Into the machine's RAM, as its firmware would. Nothing where there is no local APIC or no RAM.
void write_mp_tables(Host& host);

}  // namespace ringside
