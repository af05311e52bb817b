#include "cpu/tlb_model.h"

#include <algorithm>
#include <cassert>

namespace ringside {
namespace {

constexpr u32 kLargeShift = 21;
constexpr u64 kNested = u64{1} << 63, kGuest = u64{1} << 62;

}  // namespace

TlbModel::TlbModel(const TlbGeometry& geometry) : geometry_(geometry), walk_cache_(geometry.walk_cache) {
  assert(geometry.entries && geometry.ways && geometry.entries % geometry.ways == 0);
  for (Unit* unit : {&instruction_, &data_}) {
    unit->small.entries.resize(geometry.entries);
    unit->small.ways = geometry.ways;
    unit->small.next.resize(geometry.entries / geometry.ways);
    unit->large.entries.resize(geometry.large);
    unit->large.ways = geometry.large;
    unit->large.shift = kLargeShift;
    unit->large.next.resize(geometry.large ? 1 : 0);
  }
}

TlbModel::Entry* TlbModel::Array::find(LinearAddr address) {
  if (next.empty()) return nullptr;
  const u32 number = address.value >> shift;
  const auto first = entries.begin() + number % next.size() * ways;
  const auto found =
      std::find_if(first, first + ways, [&](const Entry& e) { return e.page == number << shift; });
  return found == first + ways ? nullptr : &*found;
}

TlbModel::Entry& TlbModel::Array::replace(LinearAddr address) {
  const u32 set = (address.value >> shift) % static_cast<u32>(next.size());
  Entry* const first = &entries[set * ways];
  if (Entry* free = std::find_if(first, first + ways, [](const Entry& e) { return e.page == kEmpty; });
      free != first + ways)
    return *free;
  Entry& victim = first[next[set]];
  next[set] = static_cast<u16>((next[set] + 1) % ways);
  return victim;
}

void TlbModel::Array::flush(bool keep_global) {
  for (Entry& e : entries)
    if (!keep_global || !e.global) e = {};
}

const TlbModel::Entry* TlbModel::find(LinearAddr address, Access access) const {
  auto& unit = const_cast<Unit&>(access == Access::Fetch ? instruction_ : data_);
  if (const Entry* e = unit.small.find(address)) return e;
  return unit.large.find(address);
}

bool TlbModel::holds(LinearAddr address, Access access) const {
  const Entry* e = find(address, access);
  return e && (access != Access::Write || e->dirty);
}

std::optional<TlbModel::Victim> TlbModel::insert(LinearAddr address, Access access, u32 page_bytes,
                                                 bool dirty, bool global) {
  if (const Entry* held = find(address, access)) {  // a first write sets D
    const_cast<Entry*>(held)->dirty |= dirty;
    return std::nullopt;
  }
  Unit& unit = access == Access::Fetch ? instruction_ : data_;
  const bool large = page_bytes >= 1u << kLargeShift && geometry_.large;
  Array& array = large ? unit.large : unit.small;
  Entry& place = array.replace(address);
  std::optional<Victim> victim;
  if (place.page != kEmpty) victim = Victim{LinearAddr(place.page), 1u << array.shift};
  place = {address.value >> array.shift << array.shift, dirty, global};
  return victim;
}

void TlbModel::flush(bool keep_global) {
  for (Unit* unit : {&instruction_, &data_}) {
    unit->small.flush(keep_global);
    unit->large.flush(keep_global);
  }
  // What the guest flushes are its own tables' entries; those of the nested dimension are the monitor's.
  for (u64& e : walk_cache_)
    if (!keep_global || !(e & kNested)) e = 0;
}

void TlbModel::invalidate(LinearAddr address) {
  for (Unit* unit : {&instruction_, &data_}) {
    if (Entry* e = unit->small.find(address)) *e = {};
    for (Entry& e : unit->large.entries)
      if (e.page >> 22 == address.value >> 22) e = {};  // both halves of a 4 MiB page
  }
  for (u64& e : walk_cache_)
    if (!(e & kNested)) e = 0;
}

bool TlbModel::walk_hits(u64 physical, bool nested_dimension) {
  if (walk_cache_.empty()) return false;
  const u64 key = physical | (nested_dimension ? kNested : kGuest);
  if (std::find(walk_cache_.begin(), walk_cache_.end(), key) != walk_cache_.end()) return true;
  const auto free = std::find(walk_cache_.begin(), walk_cache_.end(), u64{0});
  if (free != walk_cache_.end()) {
    *free = key;
  } else {
    walk_cache_[walk_next_] = key;
    walk_next_ = (walk_next_ + 1) % walk_cache_.size();
  }
  return false;
}

}  // namespace ringside
