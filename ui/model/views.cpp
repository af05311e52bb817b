#include "ui/model/views.h"

#include <fmt/format.h>

#include "cpu/paging.h"
#include "hypervisor/machine_layout.h"
#include "ui/model/commands.h"

namespace ringside::model {
namespace {

std::string rights(u32 entry) {
  if (!(entry & pte::P)) return "not present";
  return fmt::format("P {} {} {} {}", entry & pte::W ? 'W' : '-', entry & pte::U ? 'U' : '-',
                     entry & pte::A ? 'A' : '-', entry & pte::D ? 'D' : '-');
}

std::string step_meaning(const WalkStep& step) {
  const auto entry = static_cast<u32>(step.entry);
  if (!(entry & pte::P)) return "not present: the walk stops here";
  const bool large = step.level == 2 && (entry & pte::PS);
  return fmt::format("{} -> {} {:x}", rights(entry), large ? "4 MiB page" : "frame",
                     (entry & pte::kFrame) >> 12);
}

std::string_view level_name(u8 level) {
  return level == 2 ? "page directory" : level == 1 ? "page table" : "pointer table";
}

/// Walks tables that lie in machine memory (shadow, direct or bare metal), without side effects.
PageWalk machine_walk(VirtualMachine& vm, LinearAddr address) {
  const CpuState& s = vm.host().cpu.state();
  const auto read = [&](u64 physical) {
    u32 value = 0;
    if (const u8* p = vm.host().memory.at(MachinePhys(physical), sizeof value))
      std::memcpy(&value, p, sizeof value);
    return value;
  };
  return walk_pages(PagingMode{s.cr3, s.cr0, s.cr4, false}, address, Access::Read, false, read,
                    [](u64, u32) {});
}

PageWalk guest_walk(VirtualMachine& vm, LinearAddr address) {
  if (vm.mode() == Mode::Para) return machine_walk(vm, address);  // direct paging: they are the same tables
  const CpuState s = vm.monitor().virtual_state();
  const GuestMemory& ram = vm.host().machine.ram();
  const auto read = [&](u64 physical) { return ram.read<u32>(GuestPhys(physical)).value_or(0); };
  return walk_pages(PagingMode{s.cr3, s.cr0, s.cr4, false}, address, Access::Read, false, read,
                    [](u64, u32) {});
}

void append(std::vector<WalkRow>& rows, const PageWalk& walk, std::string_view owner) {
  for (u8 i = 0; i < walk.count; ++i) {
    const WalkStep& step = walk.steps[i];
    rows.push_back({fmt::format("{} {}", owner, level_name(step.level)), step.entry_address, step.entry, true,
                    step_meaning(step)});
  }
}

std::string_view tables_of(Mode mode) {
  switch (mode) {
    case Mode::Trap: return "shadow";
    case Mode::Para: return "direct";
    default: return "guest";
  }
}

unsigned nested_levels(VirtualMachine& vm) {
  const Vmcs* vmcs = vm.host().cpu.vmcs();
  return vmcs && vmcs->enable_ept ? vmcs->ept_levels : 0;
}

std::optional<u32> leaf(const PageWalk& walk) {
  if (walk.count == 0) return std::nullopt;
  return static_cast<u32>(walk.steps[walk.count - 1].entry);
}

std::string why(VirtualMachine& vm, const PageWalk& guest, const PageWalk& machine) {
  if (!guest.ok) return "the guest itself has no mapping here";
  switch (vm.mode()) {
    case Mode::Native: return "bare metal: one set of tables";
    case Mode::Para: return "direct: the guest's table, each entry validated by the monitor";
    case Mode::Hvm:
    case Mode::Kvm: return "nested: the guest's table stands, EPT translates its result";
    case Mode::Trap: break;
  }
  if (!machine.ok) return "not shadowed yet: the next access is a hidden page fault";
  if (guest.writable && !machine.writable)
    return guest.dirty ? "read-only in the shadow: the frame holds a page table, writes are traced"
                       : "read-only in the shadow until the guest's D bit is set by a first write";
  return "shadow agrees with the guest";
}

}  // namespace

PageWalkView walk_view(VirtualMachine& vm, LinearAddr address) {
  PageWalkView view{.address = address.value};
  const PageWalk guest = guest_walk(vm, address);
  append(view.guest, guest, "guest");
  const unsigned nested = nested_levels(vm);
  if (nested) {
    // A two-dimensional walk: every guest reference, and the final address, costs a nested walk.
    const unsigned n = guest.count;
    view.references = (n + 1) * (nested + 1) - 1;
    for (const WalkRow& row : view.guest)
      view.hardware.push_back({fmt::format("EPT, {} levels", nested), row.address, 0, false,
                               fmt::format("for the {}", row.table)});
    if (guest.ok)
      view.hardware.push_back(
          {fmt::format("EPT, {} levels", nested), guest.physical, 0, false, "for the page itself"});
    view.verdict = fmt::format("({} + 1) x ({} + 1) - 1 = {} memory references on a TLB miss", n, nested,
                               view.references);
  } else {
    const PageWalk machine = machine_walk(vm, address);
    append(view.hardware, machine, tables_of(vm.mode()));
    view.references = machine.count;
    view.verdict = fmt::format("{}. {} memory reference{} on a TLB miss", why(vm, guest, machine),
                               view.references, view.references == 1 ? "" : "s");
  }
  if (!(vm.monitor().virtual_state().cr0 & cr0::PG))
    view.verdict = "the guest has paging off: linear is physical";
  return view;
}

std::vector<MappingRow> mapping_rows(VirtualMachine& vm, LinearAddr begin, unsigned count) {
  std::vector<MappingRow> rows;
  const bool nested = nested_levels(vm) != 0;
  for (unsigned i = 0; i < count; ++i) {
    const LinearAddr page(begin.page().value + i * kPageSize);
    const PageWalk guest = guest_walk(vm, page);
    const PageWalk machine = nested ? PageWalk{} : machine_walk(vm, page);
    rows.push_back({page.value, leaf(guest), nested ? std::nullopt : leaf(machine), why(vm, guest, machine)});
  }
  return rows;
}

std::vector<DeviceRow> device_rows(VirtualMachine& vm) {
  const Machine::Devices& d = vm.host().machine.devices();
  std::vector<DeviceRow> rows;
  const auto pic = [&](const char* name, const Pic& chip) {
    rows.push_back({name, "requested / in service / masked",
                    fmt::format("{:08b} / {:08b} / {:08b}", chip.irr, chip.isr, chip.imr)});
    rows.push_back({"", "vectors from", fmt::format("{:02x}", chip.vector_base)});
  };
  pic("8259 master", d.pic.state().chip[0]);
  pic("8259 slave", d.pic.state().chip[1]);
  const Pit::Channel& timer = d.pit.state().channel[0];
  rows.push_back({"8254 timer", "channel 0",
                  timer.loaded ? fmt::format("mode {}, every {:.1f} us", timer.mode,
                                             (timer.written ? timer.written : 65536) * 1e6 / RS_PIT_HZ)
                               : "not programmed"});
  const Uart::State& uart = d.uart.state();
  rows.push_back({"16550 serial", "interrupts on / waiting bytes",
                  fmt::format("{:04b} / {}", uart.interrupt_enable, uart.fifo_count)});
  const Ide::State& ide = d.ide.state();
  rows.push_back(
      {"IDE disk", "last command",
       ide.command ? fmt::format("{:02x}, sector register {:02x}", ide.command, ide.sector) : "none"});
  rows.push_back({"keyboard", "bytes queued", std::to_string(d.keyboard.state().queued)});
  return rows;
}

std::vector<std::string> screen_rows(VirtualMachine& vm) {
  const Vga& vga = vm.host().machine.devices().vga;
  std::vector<std::string> rows;
  for (unsigned row = 0; row < Vga::kRows; ++row) rows.push_back(vga.row_text(row));
  while (!rows.empty() && rows.back().find_first_not_of(' ') == std::string::npos) rows.pop_back();
  return rows;
}

std::string describe(const command::AddBreakpoint& b) {
  using Kind = command::AddBreakpoint::Kind;
  switch (b.kind) {
    case Kind::Address: return fmt::format("address {:08x}", b.value);
    case Kind::Port: return fmt::format("port {:X}h", b.value);
    case Kind::Memory: return fmt::format("write to {:08x}", b.value);
    case Kind::Reason: return fmt::format("exit {}", info(static_cast<ExitReason>(b.value)).name);
    case Kind::Cr3: return "CR3 changes";
  }
  return {};
}

}  // namespace ringside::model
