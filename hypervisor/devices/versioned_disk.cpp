#include "hypervisor/devices/versioned_disk.h"

#include <algorithm>

namespace ringside {

bool VersionedDisk::read(u64 sector, std::span<u8> out) {
  if (!below_->read(sector, out)) return false;
  const u64 end = sector + out.size() / kSectorBytes;
  for (auto it = changed_.lower_bound(sector); it != changed_.end() && it->first < end; ++it)
    std::copy(it->second->begin(), it->second->end(),
              out.begin() + static_cast<std::ptrdiff_t>((it->first - sector) * kSectorBytes));
  return true;
}

bool VersionedDisk::write(u64 sector, std::span<const u8> in) {
  const u64 count = in.size() / kSectorBytes;
  if (in.size() % kSectorBytes || count > sectors() || sector > sectors() - count) return false;
  for (u64 i = 0; i < count; ++i) {
    auto copy = std::make_shared<Sector>();
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(i * kSectorBytes), kSectorBytes, copy->begin());
    changed_[sector + i] = std::move(copy);
  }
  return true;
}

}  // namespace ringside
