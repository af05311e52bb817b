#include "cpu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/host_error.h"

namespace ringside {

MachineMemory::MachineMemory(u64 bytes) : size_((bytes + kPageMask) & ~u64{kPageMask}) {
  if (size_ == 0) throw HostError("a machine needs at least one page of memory; give it more than 0 bytes");
  void* p = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    throw HostError("cannot map " + std::to_string(size_ >> 20) +
                    " MiB for the guest's memory: " + std::strerror(errno) + "; give the guest less memory");
  }
  ram_ = static_cast<u8*>(p);
  plain_bytes_ = size_;
}

MachineMemory::~MachineMemory() { munmap(ram_, size_); }

void MachineMemory::set_kind(MachinePhys begin, u64 bytes, PageKind kind) {
  const u64 first = begin.page().value, end = (begin.value + bytes + kPageMask) & ~u64{kPageMask};
  std::vector<Range> kept;
  for (const Range& r : special_) {  // what the new range does not cover of the old ones
    if (r.begin < first) kept.push_back({r.begin, std::min(r.end, first), r.kind});
    if (r.end > end) kept.push_back({std::max(r.begin, end), r.end, r.kind});
  }
  if (kind != PageKind::Ram) kept.push_back({first, end, kind});
  std::sort(kept.begin(), kept.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  special_ = std::move(kept);
  plain_begin_ = 0;
  for (const Range& r : special_)
    if (r.begin < size_) plain_begin_ = std::max(plain_begin_, std::min(r.end, size_));
  plain_bytes_ = size_ - plain_begin_;
}

PageKind MachineMemory::kind(MachinePhys address) const {
  if (address.value >= size_) return PageKind::Mmio;
  for (const Range& r : special_)
    if (address.value >= r.begin && address.value < r.end) return r.kind;
  return PageKind::Ram;
}

u8* MachineMemory::at(MachinePhys address, u64 bytes) {
  if (bytes > size_ || address.value > size_ - bytes) return nullptr;
  const u64 end = address.value + bytes;
  for (const Range& r : special_) {
    if (r.end <= address.value || r.begin >= end) continue;
    const bool inside = r.begin <= address.value && end <= r.end;
    if (r.kind == PageKind::Mmio || !inside) return nullptr;
  }
  return ram_ + address.value;
}

}  // namespace ringside
