#include "hypervisor/para/guest_linear.h"

#include <algorithm>
#include <cstring>

#include "hypervisor/abi/paravirtual.h"

namespace ringside::para {

PagingMode GuestLinear::mode() const {
  return {.cr3 = paging_.base() << 12, .cr0 = cr0::PE | cr0::WP | cr0::PG, .cr4 = 0, .user = false};
}

template <class Chunk>
bool GuestLinear::for_each_page(LinearAddr at, u32 bytes, Access access, Chunk&& chunk) const {
  if (u64{at.value} + bytes > RS_MONITOR_BASE) return false;
  for (u32 done = 0; done < bytes;) {
    const LinearAddr address = at + done;
    const u32 length = std::min(bytes - done, kPageSize - address.offset());
    const PageWalk walk = walk_guest_and_mark(everything_, mode(), address, access, [&](GuestPhys entry) {
      cache_.written(MachinePhys(entry.value), 4);
    });
    if (!walk.ok) return false;
    const auto guest = ram_.to_guest(MachinePhys(walk.physical));
    u8* data = guest ? ram_.at(*guest, length) : nullptr;
    if (!data) return false;
    chunk(data, MachinePhys(walk.physical), done, length);
    done += length;
  }
  return true;
}

bool GuestLinear::read(LinearAddr from, void* to, u32 bytes) const {
  return for_each_page(from, bytes, Access::Read, [&](const u8* data, MachinePhys, u32 offset, u32 length) {
    std::memcpy(static_cast<u8*>(to) + offset, data, length);
  });
}

bool GuestLinear::write(LinearAddr to, const void* from, u32 bytes) const {
  // All pages are checked before the first is written.
  if (!for_each_page(to, bytes, Access::Write, [](u8*, MachinePhys, u32, u32) {})) return false;
  return for_each_page(to, bytes, Access::Write, [&](u8* data, MachinePhys machine, u32 offset, u32 length) {
    std::memcpy(data, static_cast<const u8*>(from) + offset, length);
    cache_.written(machine, length);
  });
}

std::optional<MachinePhys> GuestLinear::translate(LinearAddr address) const {
  const PageWalk walk = walk_guest(everything_, mode(), address, Access::Read);
  if (!walk.ok) return std::nullopt;
  return MachinePhys(walk.physical);
}

}  // namespace ringside::para
