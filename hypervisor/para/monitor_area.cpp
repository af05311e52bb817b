#include "hypervisor/para/monitor_area.h"

#include <cstring>

#include "cpu/host_error.h"
#include "cpu/paging.h"

namespace ringside::para {
namespace {

constexpr u32 kEntriesPerPage = kPageSize / 4;
constexpr u32 kMostFrames = (RS_SEGMENT_END - RS_MONITOR_BASE) / 4;

MachinePhys allocate(FramePool& pool) {
  const auto frame = pool.allocate();
  if (!frame) throw HostError("the machine has too little memory for the paravirtual monitor itself");
  return *frame;
}

}  // namespace

MonitorArea::MonitorArea(MachineMemory& memory, FramePool& pool, const GuestMemory& ram)
    : memory_(memory), pool_(pool), machine_frames_(static_cast<u32>(memory.size() >> 12)) {
  if ((memory.size() >> 12) > kMostFrames)
    throw HostError(
        "a paravirtual machine has at most 3 GiB of memory, the monitor's included; use a smaller -m");
  table_ = allocate(pool_);
  directory_entry_ = static_cast<u32>(table_.value) | pte::P | pte::W | pte::A;

  for (u32 first = 0; first < machine_frames_; first += kEntriesPerPage) {
    u32 list[kEntriesPerPage];
    for (u32 i = 0; i < kEntriesPerPage; ++i) {
      const auto guest = ram.to_guest(MachinePhys(u64{first + i} << 12));
      list[i] = guest ? static_cast<u32>(guest->frame()) : kNotTheGuests;
    }
    std::memcpy(map(kMachineToGuest + first * 4, pte::P | pte::A), list, sizeof list);
  }
  gdt_ = map(kGdt, pte::P | pte::W | pte::A | pte::D);
  idt_ = map(kIdt, pte::P | pte::A);
  tss_ = map(kTss, pte::P | pte::W | pte::A | pte::D);
}

u8* MonitorArea::map(LinearAddr at, u32 rights) {
  const MachinePhys frame = allocate(pool_);
  const u32 entry = static_cast<u32>(frame.value) | rights;
  std::memcpy(memory_.at(table_ + (at.value >> 12 & 1023) * 4, 4), &entry, 4);
  return memory_.at(frame, kPageSize);
}

}  // namespace ringside::para
