#include "ui/model/page_walk.h"

#include <fmt/format.h>

#include "cpu/ept.h"
#include "hypervisor/walk_trace.h"

namespace ringside::model {
namespace {

std::string rights(u32 entry) {
  if (!(entry & pte::P)) return "not present";
  return fmt::format("P {} {} {} {}", entry & pte::W ? 'W' : '-', entry & pte::U ? 'U' : '-',
                     entry & pte::A ? 'A' : '-', entry & pte::D ? 'D' : '-');
}

std::string meaning(u64 wide, u8 level) {
  const auto entry = static_cast<u32>(wide);
  if (!(entry & pte::P)) return "not present: the walk stops";
  const bool large = level == 2 && (entry & pte::PS);
  return fmt::format("{} → {} {:x}", rights(entry), large ? "large page" : "frame",
                     (entry & pte::kFrame) >> 12);
}

std::string nested_meaning(u64 entry) {
  if (!(entry & ept::kAll)) return "not mapped: EPT violation";
  return fmt::format("{}{}{} → frame {:x}", entry & ept::R ? 'R' : '-', entry & ept::W ? 'W' : '-',
                     entry & ept::X ? 'X' : '-', (entry & ept::kFrame4) >> 12);
}

std::string_view level_name(u8 level) {
  return level == 2 ? "page directory" : level == 1 ? "page table" : "pointer table";
}
std::string_view short_name(u8 level) { return level == 2 ? "PDE" : level == 1 ? "PTE" : "PDPTE"; }

const Vmcs* nested(VirtualMachine& vm) {
  const Vmcs* vmcs = vm.host().cpu.vmcs();
  return vmcs && vmcs->enable_ept ? vmcs : nullptr;
}

WalkRow row(const WalkReference& r, bool two_dimensional) {
  if (r.table == WalkReference::Table::Nested)
    return {fmt::format("EPT level {}", r.level), r.address, r.entry, nested_meaning(r.entry), true};
  return {fmt::format("{} {}", name(r.table), two_dimensional ? short_name(r.level) : level_name(r.level)),
          r.address, r.entry, meaning(r.entry, r.level)};
}

template <class Steps>
std::optional<u64> leaf(const Steps& steps, u8 count) {
  if (count == 0) return std::nullopt;
  return steps[count - 1].entry;
}

std::string why(VirtualMachine& vm, const WalkTrace& trace, bool guest_maps) {
  if (trace.shadow) return std::string(describe(trace.shadow->why));
  if (!guest_maps) return "the guest itself has no mapping here";
  if (nested(vm))
    return trace.mapped ? "EPT translates what the guest's own table says"
                        : "not in EPT yet: the next access is an EPT violation";
  return vm.mode() == Mode::Para ? "the guest's own entry, validated by the monitor"
                                 : "one set of tables, the guest's own";
}

WalkTrace trace_read(VirtualMachine& vm, LinearAddr address) {
  return trace_walk(vm, address, Access::Read, false);
}

}  // namespace

GuestTables guest_tables(VirtualMachine& vm) {
  Host& host = vm.host();
  if (vm.mode() == Mode::Para)  // direct paging: the processor walks the guest's own tables
    return {GuestMemory(host.memory, MachinePhys(0), host.memory.size()), host.cpu.state()};
  return {host.machine.ram(), vm.monitor().virtual_state()};
}

PageWalkView walk_view(VirtualMachine& vm, LinearAddr address) {
  PageWalkView view{.address = address.value};
  const WalkTrace trace = trace_read(vm, address);
  const PageWalk guest = guest_tables(vm).walk(address);
  const auto own = vm.mode() == Mode::Para ? WalkReference::Table::Direct : WalkReference::Table::Guest;
  for (u8 i = 0; i < guest.count; ++i)
    view.guest.push_back(
        row({own, guest.steps[i].level, guest.steps[i].entry_address, guest.steps[i].entry}, false));

  // A two-dimensional walk: the address of each table of the guest's, and the result, goes through the nested
  // tables first. A line for each of them.
  const bool two_dimensional = nested(vm);
  view.hardware.emplace_back();
  for (const WalkReference& r : trace.references) {
    const bool line_full =
        two_dimensional && !view.hardware.back().empty() && !view.hardware.back().back().nested;
    if (line_full) view.hardware.emplace_back();
    view.hardware.back().push_back(row(r, two_dimensional));
  }
  view.references = static_cast<unsigned>(trace.references.size());
  const std::string reason = why(vm, trace, guest.ok);
  if (const unsigned n = trace.guest_levels, m = trace.nested_levels; two_dimensional)
    view.verdict = (view.references == (n + 1) * (m + 1) - 1
                        ? fmt::format("({} + 1) × ({} + 1) - 1 = {} memory references on a TLB miss. ", n, m,
                                      view.references)
                        : fmt::format("The walk stops after {} memory references. ", view.references)) +
                   reason;
  else
    view.verdict = fmt::format("{}. {} memory reference{} on a TLB miss", reason, view.references,
                               view.references == 1 ? "" : "s");
  if (!trace.paging)
    view.verdict = fmt::format("the guest has paging off: linear is physical; {}", view.verdict);
  return view;
}

std::vector<MappingRow> mapping_rows(VirtualMachine& vm, LinearAddr begin, unsigned count) {
  std::vector<MappingRow> rows;
  const GuestTables theirs = guest_tables(vm);
  for (unsigned i = 0; i < count; ++i) {
    const LinearAddr page(begin.page().value + i * kPageSize);
    const PageWalk guest = theirs.walk(page);
    const WalkTrace trace = trace_read(vm, page);
    MappingRow r{.linear = page.value, .why = why(vm, trace, guest.ok)};
    r.guest = leaf(guest.steps, guest.count);
    if (trace.shadow) r.shadow = trace.shadow->shadow;
    if (nested(vm) && guest.ok && !trace.references.empty() &&
        trace.references.back().table == WalkReference::Table::Nested)
      r.nested = trace.references.back().entry;
    rows.push_back(std::move(r));
  }
  return rows;
}

}  // namespace ringside::model
