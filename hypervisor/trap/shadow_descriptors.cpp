#include "hypervisor/trap/shadow_descriptors.h"

#include <algorithm>

#include "hypervisor/trap/ring_compression.h"

namespace ringside {
namespace {
constexpr u16 kTableIndicator = 4;
/// A guest that uses more at once pays with emulated loads for the oldest.
constexpr std::size_t kMostEntries = 256;
}  // namespace

template <class Predicate>
void ShadowDescriptors::drop_if(Predicate&& predicate) {
  auto drop = [&](const Entry& e) {
    if (!predicate(e)) return false;
    e.local ? area_.set_ldt(e.index, {}) : area_.set_gdt(e.index, {});
    return true;
  };
  std::vector<GuestPhys> frames;
  for (const Entry& e : entries_)
    if (predicate(e)) frames.push_back(e.where.page());
  if (frames.empty()) return;
  std::erase_if(entries_, drop);
  for (GuestPhys frame : frames)
    if (!uses(frame)) paging_.untrace(frame);
}

void ShadowDescriptors::drop_gdt() {
  drop_if([](const Entry& e) { return !e.local; });
}

void ShadowDescriptors::drop_ldt() {
  drop_if([](const Entry& e) { return e.local; });
}

void ShadowDescriptors::loaded(u16 selector, const Descriptor& descriptor, LinearAddr linear,
                               GuestPhys where) {
  const u16 index = selector >> 3;
  const bool local = selector & kTableIndicator;
  if (!local && (index == 0 || index >= MonitorArea::kFirstOwnEntry)) return;
  if (where.offset() > kPageSize - 8) return;  // split over two frames: always emulated
  drop_if([&](const Entry& e) { return e.index == index && e.local == local; });
  if (entries_.size() >= kMostEntries) {
    const Entry oldest = entries_.front();
    drop_if([&](const Entry& e) { return e.index == oldest.index && e.local == oldest.local; });
  }
  entries_.push_back({index, local, linear, where, descriptor});
  // What cannot be cut off stays absent, so that its loads go on to be emulated.
  const Descriptor real = compress(descriptor).value_or(Descriptor{});
  local ? area_.set_ldt(index, real) : area_.set_gdt(index, real);
  paging_.trace(where.page());
}

void ShadowDescriptors::memory_written(GuestPhys address, u64 bytes) {
  drop_if([&](const Entry& e) {
    return e.where.value < address.value + bytes && address.value < e.where.value + 8;
  });
}

void ShadowDescriptors::remapped(const std::function<std::optional<GuestPhys>(LinearAddr)>& find) {
  drop_if([&](const Entry& e) { return find(e.linear) != std::optional(e.where); });
}

void ShadowDescriptors::release(GuestPhys frame) {
  drop_if([&](const Entry& e) { return e.where.frame() == frame.frame(); });
}

bool ShadowDescriptors::uses(GuestPhys frame) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& e) { return e.where.frame() == frame.frame(); });
}

const Descriptor* ShadowDescriptors::original(u16 selector) const {
  for (const Entry& e : entries_)
    if (e.index == selector >> 3 && e.local == !!(selector & kTableIndicator)) return &e.guest;
  return nullptr;
}

}  // namespace ringside
