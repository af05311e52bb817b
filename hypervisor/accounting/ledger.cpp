#include "hypervisor/accounting/ledger.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <optional>

#include "hypervisor/accounting/cost_profile.h"

namespace ringside {
namespace {

constexpr std::size_t kEvents = static_cast<std::size_t>(CostEvent::kCount);
constexpr std::size_t kReasons = static_cast<std::size_t>(ExitReason::kCount);

struct EventRow {
  CostEvent event;
  Bucket bucket;
  std::string_view name;
};
using E = CostEvent;
using B = Bucket;

constexpr std::array<EventRow, kEvents> kRows{{
    {E::Instruction, B::Guest, "instruction"},
    {E::StringIteration, B::Guest, "iteration of a REP string instruction"},
    {E::NativePortIo, B::Guest, "port or device register, no monitor"},
    {E::NativeCr3Write, B::Guest, "CR3 write, no monitor"},
    {E::WalkReferenceCached, B::Tlb, "walk reference, page-walk cache"},
    {E::WalkReferenceL2, B::Tlb, "walk reference, L2 cache"},
    {E::SystemCallDelivery, B::Delivery, "system call and return"},
    {E::ExceptionDelivery, B::Delivery, "exception or interrupt and IRET"},
    {E::PageFaultDelivery, B::Delivery, "page fault and IRET"},
    {E::VmExitEntry, B::Switches, "VM exit and entry"},
    {E::RingTransition, B::Switches, "trap into a ring-0 monitor and back"},
    {E::ParavirtualTransition, B::Switches, "into the hypervisor and back, paravirtual"},
    {E::Vmread, B::Monitor, "VMREAD"},
    {E::Vmwrite, B::Monitor, "VMWRITE"},
    {E::DecodeAndEmulate, B::Monitor, "decode and emulate one instruction"},
    {E::GuestWalkReference, B::Monitor, "reference of a software page walk"},
    {E::ShadowEntryWrite, B::Monitor, "shadow page-table entry"},
    {E::PageTableUpdate, B::Monitor, "validated page-table update"},
    {E::HypercallDispatch, B::Monitor, "hypercall dispatch and checks"},
    {E::InjectEvent, B::Monitor, "interrupt frame built for the guest"},
    {E::EptEntryWrite, B::Monitor, "nested page-table entry"},
    {E::UserSpaceRoundTrip, B::Devices, "to the device process and back"},
    {E::DeviceAccess, B::Devices, "device model"},
    {E::RingRequest, B::Devices, "request from a ring"},
    {E::NatTranslation, B::Devices, "packet through an address translator"},
}};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].event != static_cast<CostEvent>(i)) return false;
  return true;
}
static_assert(in_enum_order(), "one row per event, in the order of the enumeration");

constexpr std::array<std::string_view, static_cast<std::size_t>(Bucket::kCount)> kBucketNames{
    "guest", "tlb", "delivery", "switches", "monitor", "devices", "idle"};

}  // namespace

Bucket bucket(CostEvent e) { return kRows[static_cast<std::size_t>(e)].bucket; }
std::string_view name(CostEvent e) { return kRows[static_cast<std::size_t>(e)].name; }
std::string_view name(Bucket b) { return kBucketNames[static_cast<std::size_t>(b)]; }

u64 Attribution::total() const { return std::accumulate(cycles.begin(), cycles.end(), u64{0}); }

void Ledger::begin_exit(ExitReason reason, SourceLine handler) {
  handler_ = handler;
  detail_.reset();
  assert(!in_exit_);
  in_exit_ = true;
  current_reason_ = reason;
  current_ = {};
  current_hash_ = 0;
}

void Ledger::end_exit() {
  assert(in_exit_);
  in_exit_ = false;
  ++exits_closed_;
  last_reason_ = current_reason_;
  if (shapes_.size() * 2 >= index_.size()) grow_index();
  const std::size_t mask = index_.size() - 1;
  const u64 hash = current_hash_ + static_cast<u64>(current_reason_) * 0xD6E8FEB86659FD93u;
  for (std::size_t slot = (hash ^ hash >> 32) & mask;; slot = (slot + 1) & mask) {
    if (index_[slot] == 0) {
      if (shapes_.size() >= kMaxShapes) return overflow(current_reason_);
      shapes_.push_back({current_reason_, current_, 1});
      index_[slot] = static_cast<u32>(shapes_.size());
      return;
    }
    Shape& shape = shapes_[index_[slot] - 1];
    if (shape.reason == current_reason_ && shape.events == current_) {
      ++shape.samples;
      return;
    }
  }
}

void Ledger::grow_index() {
  index_.assign(std::max<std::size_t>(64, index_.size() * 2), 0);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    u64 hash = static_cast<u64>(shapes_[i].reason) * 0xD6E8FEB86659FD93u;
    for (std::size_t e = 0; e < kEvents; ++e) hash += shapes_[i].events[e] * kHashFactor[e];
    std::size_t slot = (hash ^ hash >> 32) & mask;
    while (index_[slot]) slot = (slot + 1) & mask;
    index_[slot] = static_cast<u32>(i + 1);
  }
}

u64 Ledger::price_of(const EventVector& events) const {
  u64 sum = 0;
  for (std::size_t i = 0; i < kEvents; ++i) sum += u64{events[i]} * price_[i];
  return sum;
}

void Ledger::overflow(ExitReason reason) {
  auto row =
      std::find_if(overflow_.begin(), overflow_.end(), [&](const Overflow& o) { return o.reason == reason; });
  if (row == overflow_.end()) {
    overflow_.push_back({reason});
    row = overflow_.end() - 1;
    row->cheapest = row->dearest = current_;
  }
  ++row->samples;
  for (std::size_t i = 0; i < kEvents; ++i) row->events[i] += current_[i];
  if (price_of(current_) < price_of(row->cheapest)) row->cheapest = current_;
  if (price_of(current_) > price_of(row->dearest)) row->dearest = current_;
}

Ledger::Totals Ledger::totals() const {
  Totals sum = outside_;
  for (const Shape& shape : shapes_)
    for (std::size_t i = 0; i < kEvents; ++i) sum[i] += shape.samples * shape.events[i];
  for (const Overflow& row : overflow_)
    for (std::size_t i = 0; i < kEvents; ++i) sum[i] += row.events[i];
  // An exit that is being handled counts too.
  for (std::size_t i = 0; in_exit_ && i < kEvents; ++i) sum[i] += current_[i];
  return sum;
}

Attribution Ledger::attribution(const CostProfile& profile) const {
  Attribution result;
  const Totals events = totals();
  for (std::size_t i = 0; i < kEvents; ++i)
    result.cycles[static_cast<std::size_t>(kRows[i].bucket)] += events[i] * profile.prices[i].cycles;
  result.cycles[static_cast<std::size_t>(Bucket::Idle)] += idle_;
  return result;
}

std::vector<ExitStatistics> Ledger::exits(const CostProfile& profile) const {
  std::array<std::optional<ExitStatistics>, kReasons> rows;
  auto add = [&](ExitReason reason, u64 samples, u64 cycles, u64 min, u64 max) {
    auto& row = rows[static_cast<std::size_t>(reason)];
    if (!row) row = ExitStatistics{reason, 0, 0, min, max};
    row->samples += samples;
    row->cycles += cycles;
    row->min = std::min(row->min, min);
    row->max = std::max(row->max, max);
  };
  for (const Shape& shape : shapes_) {
    const u64 cost = price(shape.events, profile);
    add(shape.reason, shape.samples, shape.samples * cost, cost, cost);
  }
  for (const Overflow& row : overflow_) {
    u64 sum = 0;
    for (std::size_t i = 0; i < kEvents; ++i) sum += row.events[i] * profile.prices[i].cycles;
    const u64 a = price(row.cheapest, profile), b = price(row.dearest, profile);
    add(row.reason, row.samples, sum, std::min(a, b), std::max(a, b));
  }
  std::vector<ExitStatistics> result;
  for (const auto& row : rows)
    if (row) result.push_back(*row);
  std::stable_sort(result.begin(), result.end(),
                   [](const ExitStatistics& a, const ExitStatistics& b) { return a.cycles > b.cycles; });
  return result;
}

u64 Ledger::samples(ExitReason reason) const {
  u64 sum = 0;
  for (const Shape& shape : shapes_)
    if (shape.reason == reason) sum += shape.samples;
  for (const Overflow& row : overflow_)
    if (row.reason == reason) sum += row.samples;
  return sum;
}

u64 Ledger::total(CostEvent e) const { return totals()[static_cast<std::size_t>(e)]; }

void Ledger::set_active(const CostProfile* profile) {
  for (std::size_t i = 0; i < kEvents; ++i) price_[i] = profile ? profile->prices[i].cycles : 0;
  active_cycles_ = profile ? attribution(*profile).total() : 0;
}

}  // namespace ringside
