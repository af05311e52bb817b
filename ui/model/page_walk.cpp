#include "ui/model/page_walk.h"

#include <fmt/format.h>

#include "cpu/ept.h"

namespace ringside::model {
namespace {

std::string rights(u32 entry) {
  if (!(entry & pte::P)) return "not present";
  return fmt::format("P {} {} {} {}", entry & pte::W ? 'W' : '-', entry & pte::U ? 'U' : '-',
                     entry & pte::A ? 'A' : '-', entry & pte::D ? 'D' : '-');
}

std::string step_meaning(const WalkStep& step) {
  const auto entry = static_cast<u32>(step.entry);
  if (!(entry & pte::P)) return "not present: the walk stops";
  const bool large = step.level == 2 && (entry & pte::PS);
  return fmt::format("{} → {} {:x}", rights(entry), large ? "large page" : "frame",
                     (entry & pte::kFrame) >> 12);
}

std::string nested_meaning(const WalkStep& step) {
  if (!(step.entry & ept::kAll)) return "not mapped: EPT violation";
  return fmt::format("{}{}{} → frame {:x}", step.entry & ept::R ? 'R' : '-', step.entry & ept::W ? 'W' : '-',
                     step.entry & ept::X ? 'X' : '-', (step.entry & ept::kFrame4) >> 12);
}

std::string_view level_name(u8 level) {
  return level == 2 ? "page directory" : level == 1 ? "page table" : "pointer table";
}

WalkRow row(std::string_view owner, const WalkStep& step) {
  return {fmt::format("{} {}", owner, level_name(step.level)), step.entry_address, step.entry,
          step_meaning(step)};
}

std::string_view tables_of(Mode mode) {
  switch (mode) {
    case Mode::Trap: return "shadow";
    case Mode::Para: return "direct";
    default: return "guest";
  }
}

const Vmcs* nested(VirtualMachine& vm) {
  const Vmcs* vmcs = vm.host().cpu.vmcs();
  return vmcs && vmcs->enable_ept ? vmcs : nullptr;
}

EptWalk nested_walk(VirtualMachine& vm, u64 guest_physical) {
  const Vmcs& vmcs = *nested(vm);
  return walk_ept(vm.host().memory, vmcs.ept_root, vmcs.ept_levels, GuestPhys(guest_physical));
}

std::vector<WalkRow> nested_rows(VirtualMachine& vm, u64 guest_physical) {
  std::vector<WalkRow> rows;
  const EptWalk walk = nested_walk(vm, guest_physical);
  for (u8 i = 0; i < walk.count; ++i)
    rows.push_back({fmt::format("EPT level {}", walk.steps[i].level), walk.steps[i].entry_address,
                    walk.steps[i].entry, nested_meaning(walk.steps[i]), true});
  return rows;
}

std::optional<u64> leaf(const WalkStep* steps, u8 count) {
  if (count == 0) return std::nullopt;
  return steps[count - 1].entry;
}

std::string why(VirtualMachine& vm, const PageWalk& guest, const PageWalk& hardware) {
  if (!guest.ok) return "the guest itself has no mapping here";
  switch (vm.mode()) {
    case Mode::Native: return "bare metal: one set of tables";
    case Mode::Para: return "direct: the guest's own table, each entry validated by the monitor";
    case Mode::Hvm:
    case Mode::Kvm:
      if (!nested(vm)) return "the guest's own table";
      if (nested_walk(vm, guest.physical).mapped)
        return "nested: the guest's table stands, EPT translates its result";
      return "EPT lacks the page: the next access is an EPT violation";
    case Mode::Trap: break;
  }
  if (!hardware.ok) return "not shadowed yet: the next access is a hidden page fault";
  if (guest.writable && !hardware.writable)
    return guest.dirty ? "read-only in the shadow: the frame holds a page table, writes are traced"
                       : "read-only in the shadow until a first write sets the guest's D bit";
  return "the shadow agrees with the guest";
}

}  // namespace

GuestTables guest_tables(VirtualMachine& vm) {
  if (vm.mode() == Mode::Para) return hardware_tables(vm);  // direct paging: they are the same tables
  return {vm.host().machine.ram(), vm.monitor().virtual_state()};
}

GuestTables hardware_tables(VirtualMachine& vm) {
  if (nested(vm)) return {vm.host().machine.ram(), vm.host().cpu.state()};
  return {GuestMemory(vm.host().memory, MachinePhys(0), vm.host().memory.size()), vm.host().cpu.state()};
}

PageWalkView walk_view(VirtualMachine& vm, LinearAddr address) {
  PageWalkView view{.address = address.value};
  const PageWalk guest = guest_tables(vm).walk(address), hardware = hardware_tables(vm).walk(address);
  for (u8 i = 0; i < guest.count; ++i) view.guest.push_back(row("guest", guest.steps[i]));
  if (const Vmcs* vmcs = nested(vm)) {
    // A two-dimensional walk: the address of each table of the guest's, and the result, is translated by a
    // nested walk.
    for (u8 i = 0; i < hardware.count; ++i) {
      view.hardware.push_back(nested_rows(vm, hardware.steps[i].entry_address));
      view.hardware.back().push_back(row("guest", hardware.steps[i]));
    }
    if (hardware.ok) view.hardware.push_back(nested_rows(vm, hardware.physical));
    for (const auto& line : view.hardware) view.references += static_cast<unsigned>(line.size());
    const unsigned n = hardware.count, m = vmcs->ept_levels;
    view.verdict = view.references == (n + 1) * (m + 1) - 1
                       ? fmt::format("({} + 1) × ({} + 1) - 1 = {} memory references on a TLB miss", n, m,
                                     view.references)
                       : fmt::format("the walk stops after {} memory references", view.references);
    if (guest.ok) view.verdict += ". " + why(vm, guest, hardware);
  } else {
    view.hardware.emplace_back();
    for (u8 i = 0; i < hardware.count; ++i)
      view.hardware[0].push_back(row(tables_of(vm.mode()), hardware.steps[i]));
    view.references = hardware.count;
    view.verdict = fmt::format("{}. {} memory reference{} on a TLB miss", why(vm, guest, hardware),
                               view.references, view.references == 1 ? "" : "s");
  }
  if (!(vm.monitor().virtual_state().cr0 & cr0::PG))
    view.verdict = fmt::format("the guest has paging off: linear is physical; {}", view.verdict);
  return view;
}

std::vector<MappingRow> mapping_rows(VirtualMachine& vm, LinearAddr begin, unsigned count) {
  std::vector<MappingRow> rows;
  const GuestTables theirs = guest_tables(vm), ours = hardware_tables(vm);
  for (unsigned i = 0; i < count; ++i) {
    const LinearAddr page(begin.page().value + i * kPageSize);
    const PageWalk guest = theirs.walk(page), hardware = ours.walk(page);
    MappingRow r{.linear = page.value, .why = why(vm, guest, hardware)};
    r.guest = leaf(guest.steps.data(), guest.count);
    if (vm.mode() == Mode::Trap) r.shadow = leaf(hardware.steps.data(), hardware.count);
    if (nested(vm) && guest.ok) {
      const EptWalk walk = nested_walk(vm, guest.physical);
      r.nested = leaf(walk.steps.data(), walk.count);
    }
    rows.push_back(std::move(r));
  }
  return rows;
}

}  // namespace ringside::model
