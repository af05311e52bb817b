#include "hypervisor/snapshot.h"

#include <cstring>

#include "cpu/tlb.h"

namespace ringside {
namespace {

constexpr PageCopy kZeros{};

void save_pages(const MachineMemory& memory, const VmSnapshot* previous, VmSnapshot& s) {
  const u64 count = memory.size() / kPageSize;
  s.pages.resize(count);
  for (u64 i = 0; i < count; ++i) {
    const u8* page = memory.data() + i * kPageSize;
    const auto* before = previous ? &previous->pages[i] : nullptr;
    if (before && !std::memcmp(page, *before ? (*before)->data() : kZeros.data(), kPageSize)) {
      s.pages[i] = *before;
    } else if (std::memcmp(page, kZeros.data(), kPageSize) != 0) {
      auto copy = std::make_shared<PageCopy>();
      std::memcpy(copy->data(), page, kPageSize);
      s.pages[i] = std::move(copy);
    }
  }
}

/// Pages that hold the right bytes already are not written, so that untouched memory stays uncommitted.
void restore_pages(MachineMemory& memory, const VmSnapshot& s) {
  for (u64 i = 0; i < s.pages.size(); ++i) {
    u8* page = memory.data() + i * kPageSize;
    const u8* kept = s.pages[i] ? s.pages[i]->data() : kZeros.data();
    if (std::memcmp(page, kept, kPageSize) != 0) std::memcpy(page, kept, kPageSize);
  }
}

}  // namespace

u64 VmSnapshot::bytes_beside(const VmSnapshot* previous) const {
  u64 own = 0;
  for (std::size_t i = 0; i < pages.size(); ++i)
    own += pages[i] && !(previous && pages[i] == previous->pages[i]);
  return sizeof *this + sizeof(Tlb) + own * kPageSize + pages.size() * sizeof pages[0] + monitor->bytes +
         accounts.ledger.bytes() + accounts.free_frames.size() * sizeof(MachinePhys);
}

std::shared_ptr<const VmSnapshot> VirtualMachine::save(const VmSnapshot* previous) const {
  if (config_.host.machine.network) return nullptr;
  auto monitor = monitor_->save();
  if (!monitor) return nullptr;
  auto s = std::make_shared<VmSnapshot>();
  save_pages(host_->memory, previous, *s);
  s->cpu = ringside::save(host_->cpu);
  s->accounts = host_->save();
  s->devices = host_->machine.devices().save();
  s->monitor = std::move(monitor);
  s->slice_left = slice_left_;
  s->emulated = emulated_;
  s->fruitless = fruitless_;
  s->waiting_at_start = waiting_at_start_;
  s->ended = ended_;
  s->ending = ending_;
  s->guest_status = guest_status_;
  s->why = why_;
  s->instructions = instructions();
  return s;
}

void VirtualMachine::restore(const VmSnapshot& s) {
  restore_pages(host_->memory, s);
  host_->restore(s.accounts);
  monitor_->restore(*s.monitor);
  host_->machine.devices().restore(s.devices);
  ringside::restore(host_->cpu, *s.cpu);
  slice_left_ = s.slice_left;
  emulated_ = s.emulated;
  fruitless_ = s.fruitless;
  waiting_at_start_ = s.waiting_at_start;
  ended_ = s.ended;
  ending_ = s.ending;
  guest_status_ = s.guest_status;
  why_ = s.why;
  debug_stop_.reset();
  stop_requested_ = false;
}

}  // namespace ringside
