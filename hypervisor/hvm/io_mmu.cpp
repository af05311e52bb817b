#include "hypervisor/hvm/io_mmu.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"

namespace ringside {

IoMmu::IoMmu(MachineMemory& memory, FramePool& frames, GuestMemory ram)
    : tables_(memory, frames, 4), ram_(ram) {
  for (GuestPhys at(0); at.value < ram.size(); at = at + kPageSize)
    tables_.map(at, ram.to_machine(at), ept::R | ept::W);
  if (tables_.recycled()) throw HostError("the monitor's memory has no room for the tables of the I/O-MMU");
}

bool IoMmu::permits(GuestPhys address, u64 bytes, bool write) {
  ++accesses_;
  for (u64 done = 0; done < bytes;) {
    const GuestPhys at = address + done;
    const bool expressible = at.value >= address.value && at.value < tables_.reach();
    const EptWalk walk = expressible ? tables_.walk(at) : EptWalk{};
    references_ += walk.count;
    if (!walk.permits(write ? Access::Write : Access::Read) || ram_.to_guest(walk.physical) != at) {
      ++refused_;
      last_fault_ =
          fmt::format("a device may not {} guest-physical {:X}h", write ? "write" : "read", at.value);
      return false;
    }
    done += std::min<u64>(bytes - done, kPageSize - at.value % kPageSize);
  }
  return true;
}

void IoMmu::protect(GuestPhys page, u64 rights) {
  tables_.map(GuestPhys(page.value & ~u64{kPageMask}),
              ram_.to_machine(GuestPhys(page.value & ~u64{kPageMask})), rights);
}

}  // namespace ringside
