#include "hypervisor/guest_walk.h"

namespace ringside {

PageWalk walk_guest(const GuestMemory& ram, const PagingMode& mode, LinearAddr address, Access access) {
  return walk_pages(
      mode, address, access, false, [&](u64 at) { return ram.read<u32>(GuestPhys(at)).value_or(0); },
      [](u64, u32) {});
}

}  // namespace ringside
