#include "ui/model/frame_map.h"

#include <algorithm>

#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/para/para_monitor.h"
#include "hypervisor/trap/trap_monitor.h"
#include "ui/model/page_walk.h"

namespace ringside::model {
namespace {

struct Row {
  FrameUse use;
  std::string_view name, text;
};
constexpr std::array<Row, static_cast<std::size_t>(FrameUse::kCount)> kRows{{
    {FrameUse::Unmapped, "not mapped", "RAM that the current address space does not reach."},
    {FrameUse::Untouched, "untouched",
     "Mapped, but the entry's A bit is clear: nobody has used it through this mapping."},
    {FrameUse::Kernel, "kernel page", "Mapped for the guest's kernel only."},
    {FrameUse::User, "user page", "Mapped for the guest's user programs."},
    {FrameUse::NotBacked, "not backed yet",
     "The nested tables do not map this guest-physical page yet: its first use is an EPT violation."},
    {FrameUse::Traced, "traced",
     "Write-protected behind the guest's back: it backs a shadow table, so each write is an exit."},
    {FrameUse::PageTable, "page table", "Holds a page table of the guest."},
    {FrameUse::PageDirectory, "page directory", "Holds a page directory of the guest: CR3 points to one."},
    {FrameUse::MonitorUsed, "monitor's, used",
     "The monitor's own: shadow or nested tables, descriptor tables, shared pages."},
    {FrameUse::MonitorFree, "monitor's, free", "The monitor's own, not in use."},
}};

/// The guest's current tables and what they map, `frame` being given machine frame numbers.
template <class Mark>
void mark_address_space(VirtualMachine& vm, const Mark& mark) {
  constexpr u64 kEverything = u64{1} << 32;
  for (u64 at = 0; at < kEverything;) {
    const GuestTables tables = guest_tables(vm);
    const PageWalk walk = tables.walk(LinearAddr(static_cast<u32>(at)));
    for (unsigned i = 0; i < walk.count; ++i)
      mark(tables.machine_frame(walk.steps[i].entry_address),
           walk.steps[i].level == 1 ? FrameUse::PageTable : FrameUse::PageDirectory);
    const bool no_table = !walk.ok && walk.count && walk.steps[walk.count - 1].level >= 2;
    const u64 bytes = no_table ? u64{1} << (tables.pae() ? 21 : 22) : walk.ok ? walk.page_bytes : kPageSize;
    if (walk.ok && walk.count) {
      const bool touched = walk.steps[walk.count - 1].entry & pte::A;
      const FrameUse use = !touched ? FrameUse::Untouched : walk.user ? FrameUse::User : FrameUse::Kernel;
      for (u64 page = 0; page < bytes; page += kPageSize)
        mark(tables.machine_frame(walk.physical + page), use);
    }
    at += std::max<u64>(bytes, kPageSize);
    if (!walk.count) break;  // paging is off
  }
}

}  // namespace

std::string_view name(FrameUse use) { return kRows[static_cast<std::size_t>(use)].name; }
std::string_view explain(FrameUse use) { return kRows[static_cast<std::size_t>(use)].text; }

FrameMap frame_map(VirtualMachine& vm) {
  Host& host = vm.host();
  const GuestMemory& ram = host.machine.ram();
  FrameMap map;
  map.first_guest_frame = static_cast<u32>(ram.base().frame());
  const auto guest_frames = static_cast<u32>(ram.size() / kPageSize);
  map.frames.assign(map.first_guest_frame + guest_frames, FrameUse::Unmapped);
  std::fill_n(map.frames.begin(), map.first_guest_frame, FrameUse::MonitorUsed);
  for (MachinePhys frame : host.frames.free_frames()) map.frames[frame.frame()] = FrameUse::MonitorFree;
  // A frame that is several things is the one that comes last in the enumeration.
  const auto mark = [&](u64 frame, FrameUse use) {
    if (frame >= map.first_guest_frame && frame < map.frames.size())
      map.frames[frame] = std::max(map.frames[frame], use);
  };
  const auto* vmx = dynamic_cast<VmxMonitor*>(&vm.monitor());
  auto* trap = dynamic_cast<TrapMonitor*>(&vm.monitor());
  auto* para = dynamic_cast<ParaMonitor*>(&vm.monitor());
  for (u32 i = 0; i < guest_frames; ++i) {
    const GuestPhys guest(u64{i} << 12);
    const u32 machine = map.first_guest_frame + i;
    if (vmx && !vmx->ept().walk(guest).mapped) mark(machine, FrameUse::NotBacked);
    if (trap && trap->guest.paging.traced(guest)) mark(machine, FrameUse::Traced);
    if (para) {
      const para::FrameType type = para->domain().paging.info(machine).type;
      if (type == para::FrameType::L1) mark(machine, FrameUse::PageTable);
      if (type == para::FrameType::L2) mark(machine, FrameUse::PageDirectory);
    }
  }
  mark_address_space(vm, mark);
  for (FrameUse use : map.frames) ++map.counts[static_cast<std::size_t>(use)];
  return map;
}

}  // namespace ringside::model
