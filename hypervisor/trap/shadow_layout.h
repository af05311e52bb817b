// The form of a shadow table: what its three files share (shadow_paging.cpp: faults and what the guest does
// to its tables; shadow_sync.cpp: which frames are traced and which are out of sync; shadow_tables.cpp:
// tables and their entries).
#pragma once

#include "cpu/paging.h"
#include "hypervisor/abi/paravirtual.h"

namespace ringside::shadow_layout {

inline constexpr u32 kEntries = 1024;
inline constexpr u32 kMonitorIndex = static_cast<u32>(RS_MONITOR_BASE) >> 22;
inline constexpr u32 kRights = pte::W | pte::U;
/// A and D are set beforehand, so that the processor has nothing to write in shadow entries.
inline constexpr u32 kShadowBits = pte::P | pte::A | pte::D;

inline u32 index_of(LinearAddr a, unsigned level) {
  return (a.value >> (level == 2 ? 22 : 12)) & (kEntries - 1);
}

}  // namespace ringside::shadow_layout
