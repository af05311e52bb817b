#include "hypervisor/walk_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/ept.h"
#include "hypervisor/guest_walk.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/trap/trap_monitor.h"

namespace ringside {
namespace {

using Table = WalkReference::Table;

void append(std::vector<WalkReference>& to, const PageWalk& walk, Table table) {
  for (u8 i = 0; i < walk.count; ++i)
    to.push_back({table, walk.steps[i].level, walk.steps[i].entry_address, walk.steps[i].entry});
}

std::string fault_text(const PageWalk& walk) {
  return fmt::format("a page fault, error code {:X}h: {}", walk.error_code,
                     walk.error_code & page_fault::RSVD ? "a reserved bit is set in an entry"
                     : walk.error_code & page_fault::P  ? "the entries deny the access"
                                                        : "an entry is not present");
}

/// Tables in machine memory that the processor walks by itself: bare metal, direct paging, a shadow.
PageWalk walk_machine(const Host& host, const CpuState& real, LinearAddr address, Access access, bool user) {
  const auto read = [&](u64 at) {
    u32 value = 0;
    if (const u8* p = host.memory.at(MachinePhys(at), sizeof value)) std::memcpy(&value, p, sizeof value);
    return value;
  };
  return walk_pages(paging_mode(real, user), address, access, false, read, [](u64, u32) {});
}

const ShadowPaging* shadow_of(const Monitor& monitor) {
  if (const auto* trap = dynamic_cast<const TrapMonitor*>(&monitor)) return &trap->guest.paging;
  const auto* vmx = dynamic_cast<const VmxMonitor*>(&monitor);
  return vmx ? vmx->shadow() : nullptr;
}

/// Translates one guest-physical address and lists the references; false at a violation.
bool nested_walk(const Host& host, const Vmcs& vmcs, GuestPhys address, Access access, WalkTrace& trace,
                 EptWalk& walk) {
  walk = walk_ept(host.memory, vmcs.ept_root, vmcs.ept_levels, address);
  for (u8 i = 0; i < walk.count; ++i)
    trace.references.push_back({Table::Nested, walk.steps[i].level, walk.steps[i].entry_address,
                                walk.steps[i].entry, address.value});
  if (walk.permits(access)) return true;
  trace.ends = fmt::format("an EPT violation at guest-physical {:X}h: {}", address.value,
                           walk.mapped ? "the nested entries deny the access"
                                       : "the monitor has not mapped the page, or it is a device");
  return false;
}

void trace_nested(const Host& host, const Vmcs& vmcs, const PageWalk& guest, Access access,
                  WalkTrace& trace) {
  trace.nested_levels = vmcs.ept_levels;
  EptWalk walk;
  for (u8 i = 0; i < guest.count; ++i) {
    const WalkStep& step = guest.steps[i];
    if (!nested_walk(host, vmcs, GuestPhys(step.entry_address), Access::Read, trace, walk)) return;
    trace.references.push_back({Table::Guest, step.level, step.entry_address, step.entry});
    ++trace.guest_levels;
  }
  if (!guest.ok) {
    trace.ends = fault_text(guest);
    return;
  }
  trace.guest_physical = GuestPhys(guest.physical);
  if (!nested_walk(host, vmcs, *trace.guest_physical, access, trace, walk)) return;
  trace.machine = walk.physical;
  trace.page_bytes = std::min(guest.page_bytes, walk.page_bytes);
  trace.mapped = true;
}

}  // namespace

std::string_view name(Table table) {
  switch (table) {
    case Table::Guest: return "guest";
    case Table::Direct: return "direct";
    case Table::Shadow: return "shadow";
    case Table::Nested: return "nested";
  }
  return "";
}

WalkTrace trace_walk(VirtualMachine& vm, LinearAddr address, Access access, bool user) {
  WalkTrace trace{.address = address, .mode = vm.mode(), .access = access};
  Host& host = vm.host();
  const CpuState guest_state = vm.monitor().virtual_state();
  const GuestMemory& ram = host.machine.ram();
  trace.paging = guest_state.paging();

  const Vmcs* vmcs = host.cpu.vmcs();
  if (vmcs && vmcs->enable_ept) {
    trace_nested(host, *vmcs, walk_guest(ram, paging_mode(guest_state, user), address, access), access,
                 trace);
    return trace;
  }

  const PageWalk walk = walk_machine(host, host.cpu.state(), address, access, user);
  const ShadowPaging* shadow = shadow_of(vm.monitor());
  append(trace.references, walk,
         shadow                    ? Table::Shadow
         : vm.mode() == Mode::Para ? Table::Direct
                                   : Table::Guest);
  trace.mapped = walk.ok;
  trace.page_bytes = walk.page_bytes;
  trace.guest_levels = walk.count;
  if (walk.ok) {
    trace.machine = MachinePhys(walk.physical);
    trace.guest_physical = ram.to_guest(*trace.machine);
  } else {
    trace.ends = fault_text(walk);
  }
  if (shadow) {
    trace.shadow = shadow->entry_state(address);
    const PageWalk guest = walk_guest(ram, paging_mode(guest_state, user), address, access);
    append(trace.software, guest, Table::Guest);
    trace.guest_levels = guest.count;
    if (guest.ok) trace.guest_physical = GuestPhys(guest.physical);
    if (!walk.ok)
      trace.ends = guest.ok
                       ? "a hidden page fault: the guest's tables permit the access, the shadow does not"
                       : fmt::format("a true page fault, error code {:X}h: the guest's own tables deny it",
                                     guest.error_code);
  }
  return trace;
}

}  // namespace ringside
