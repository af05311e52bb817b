// The guest's own page tables, walked by software: what every monitor needs to find the operand that the
// guest names by a linear address. Hardware hands a monitor linear addresses; the guest's memory is known by
// guest-physical ones.
//
// Modelled: the walk of cpu/paging.h over guest-physical RAM, with the guest's CR0, CR3 and CR4.
// Simplified: a paging structure outside RAM reads as "not present"; the processor would ask the bus.
// Manual: Intel SDM vol. 3 ch. 4.
#pragma once

#include "cpu/paging.h"
#include "hypervisor/guest_memory.h"

namespace ringside {

/// The paging mode of a processor in state `guest`, for accesses with user rights or not.
inline PagingMode paging_mode(const CpuState& guest, bool user) {
  return {.cr3 = guest.cr3, .cr0 = guest.cr0, .cr4 = guest.cr4, .user = user};
}

/// Translates `address` as the guest's processor would. Nothing is changed, accessed and dirty bits included;
/// a real access by the monitor on the guest's behalf uses walk_guest_and_mark().
PageWalk walk_guest(const GuestMemory& ram, const PagingMode& mode, LinearAddr address, Access access);

/// The same, and sets accessed and dirty bits in the guest's tables. `written(GuestPhys)` is told of each
/// entry that changed, so that the caller can drop what was derived from it (decoded code, shadow entries).
template <class Written>
PageWalk walk_guest_and_mark(const GuestMemory& ram, const PagingMode& mode, LinearAddr address,
                             Access access, Written&& written) {
  return walk_pages(
      mode, address, access, true, [&](u64 at) { return ram.read<u32>(GuestPhys(at)).value_or(0); },
      [&](u64 at, u32 entry) {
        if (ram.write(GuestPhys(at), entry)) written(GuestPhys(at));
      });
}

}  // namespace ringside
