#include "hypervisor/boot/memory_map.h"

#include <algorithm>

#include "hypervisor/abi/ports.h"

namespace ringside {

std::vector<MemoryRegion> memory_map(u64 ram_bytes) {
  std::vector<MemoryRegion> map;
  const auto region = [&](u64 begin, u64 end, MemoryKind kind) {
    end = std::min(end, ram_bytes);
    if (begin < end) map.push_back({begin, end, kind});
  };
  region(0, kConventionalEnd, MemoryKind::Available);
  region(kConventionalEnd, RS_VGA_WINDOW, MemoryKind::Reserved);
  region(kFirmwareBegin, kFirmwareEnd, MemoryKind::Reserved);
  region(kFirmwareEnd, ram_bytes, MemoryKind::Available);
  return map;
}

}  // namespace ringside
