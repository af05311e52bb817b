#include "hypervisor/kvm/kvm_monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cpu/host_error.h"
#include "cpu/paging.h"
#include "hypervisor/kvm/probe.h"
#include "hypervisor/machine_layout.h"
#include "hypervisor/text/describe_state.h"
#include "hypervisor/text/disassemble.h"

namespace ringside {

KvmMonitor::KvmMonitor(Host& host, KvmVirtualMachine::Config config)
    : HvmMonitor(host, nullptr), machine_(std::make_unique<KvmVirtualMachine>(host.machine.ram(), config)) {
  take(std::make_unique<KvmVcpu>(*machine_, host.cpu.config().model, host.hz()));
}

void KvmMonitor::before_entry() {
  if (machine_->config().kernel_irqchip)
    forward_irq_lines();
  else
    HvmMonitor::before_entry();
}

void KvmMonitor::interrupt_guest() {
  // The in-kernel controller takes the processor away from the guest by itself.
  if (!machine_->config().kernel_irqchip) HvmMonitor::interrupt_guest();
}

/// The lines of the devices that have stayed in user space, on to the controller that has not.
void KvmMonitor::forward_irq_lines() {
  PicPair& pic = host.machine.devices().pic;
  const u16 edges = pic.take_edges(), levels = pic.lines();
  for (unsigned irq = 1; irq < 16; ++irq) {  // 0 is the in-kernel timer's
    if (irq == 2) continue;
    const u16 bit = static_cast<u16>(1u << irq);
    if ((edges & bit) && (lines_ & bit)) machine_->set_irq_line(irq, false);
    if ((edges | (levels ^ lines_)) & bit) {
      if (edges & bit) machine_->set_irq_line(irq, true);
      if (!(levels & bit)) machine_->set_irq_line(irq, false);
    }
  }
  lines_ = levels;
}

Exit KvmMonitor::enter(u64 budget) {
  const u64 left = kvm().left_at(), handled = host.ledger.exits_closed() - exits_before_,
            ran = kvm().guest_ns();
  const ExitReason reason = host.ledger.last_reason();
  Exit exit = breakpoints_.empty() ? kvm().run(budget) : run_with_breakpoints(budget);
  if (kvm().entered_at() > left) {  // otherwise something came before the guest
    if (left && handled == 1) times_[static_cast<std::size_t>(reason)].add(kvm().entered_at() - left);
    exits_before_ = host.ledger.exits_closed();
  }
  host.pass_measured_time(static_cast<u64>(Wide{kvm().guest_ns() - ran} * host.hz() / 1'000'000'000));
  return exit;
}

void KvmMonitor::set_debug_points(std::vector<DebugPoint> points) {
  constexpr std::size_t kDebugRegisters = 4;
  std::vector<LinearAddr> breakpoints;
  std::vector<KvmVcpu::Watch> watches;
  for (const DebugPoint& p : points) {
    if (p.kind == DebugPoint::Kind::Execute) {
      breakpoints.push_back(p.address);
      continue;
    }
    if ((p.bytes != 1 && p.bytes != 2 && p.bytes != 4) || p.address.value % p.bytes)
      throw HostError("mode kvm watches 1, 2 or 4 bytes at a multiple of that: the host's debug registers.");
    watches.push_back({p.address, p.bytes, p.kind == DebugPoint::Kind::ReadOrWrite});
  }
  if (watches.size() > kDebugRegisters)
    throw HostError(
        "the host's processor has four debug registers: mode kvm takes no more watchpoints than that.");
  if (!watches.empty() && !host_kvm().works(kWatchpoints))
    throw HostError(
        "this host's KVM does not honour the debug registers (ringside doctor): no watchpoints in mode kvm. "
        "The simulated modes have them.");
  kvm().debug(!breakpoints.empty() && host_kvm().works(kInt3Breakpoints), std::move(watches));
  breakpoints_ = std::move(breakpoints);
}

/// Ring 3 may execute there, as far as the page tables know.
bool KvmMonitor::open_to_users(LinearAddr address) const {
  const CpuState s = virtual_state();
  if (!(s.cr0 & cr0::PG)) return false;
  const auto read = [&](u64 at) { return host.machine.ram().read<u32>(GuestPhys(at)).value_or(0); };
  return walk_pages(PagingMode{s.cr3, s.cr0, s.cr4, true}, address, Access::Read, false, read,
                    [](u64, u32) {})
      .ok;
}

/// The instruction that stops the guest is in its memory only meanwhile: whoever looks sees the guest's own
/// code. It is INT3; where the host does not intercept that, HLT in its place, which only ring 0 may execute.
Exit KvmMonitor::run_with_breakpoints(u64 budget) {
  constexpr u8 kInt3 = 0xCC, kHlt = 0xF4;
  const bool int3 = host_kvm().works(kInt3Breakpoints);
  struct Replaced {
    LinearAddr address;
    u8* byte;
    u8 was;
  };
  std::vector<Replaced> replaced;
  for (const LinearAddr at : breakpoints_) {
    const auto place = translate(at);
    u8* byte = place ? host.memory.at(*place) : nullptr;
    if (byte && (int3 || !open_to_users(at)))
      replaced.push_back({at, byte, std::exchange(*byte, int3 ? kInt3 : kHlt)});
  }
  const Exit exit = kvm().run(budget);
  for (auto it = replaced.rbegin(); it != replaced.rend(); ++it) *it->byte = it->was;

  const auto ours = [&](LinearAddr at) {
    return std::any_of(replaced.begin(), replaced.end(), [&](const Replaced& r) { return r.address == at; });
  };
  const auto* stop = std::get_if<exits::DebugStop>(&exit);
  if (stop && stop->why == exits::DebugStop::Why::Breakpoint && !ours(stop->address)) {
    kvm().give_back_int3();
    return exits::BudgetSpent{};
  }
  if (std::holds_alternative<exits::Halted>(exit) && !int3) {
    CpuState& s = kvm().state();
    const LinearAddr at(s.seg[CS].base + s.eip - 1);
    if (!ours(at)) return exit;
    --s.eip;
    return exits::DebugStop{at, exits::DebugStop::Why::Breakpoint};
  }
  return exit;
}

KvmMeasurements KvmMonitor::measurements() {
  KvmMeasurements m;
  m.emulated_host = host_is_emulated();
  m.entries = kvm().entries();
  m.guest_ns = kvm().guest_ns();
  for (const GuestPhys page : machine_->take_dirty_pages()) dirty_.insert(page.value);
  if (machine_->config().log_dirty_pages) m.dirty_pages = dirty_.size();
  for (std::size_t i = 0; i < times_.size(); ++i)
    if (const TimeHistogram& t = times_[i]; t.samples())
      m.exit_times.push_back(
          {static_cast<ExitReason>(i), t.samples(), t.percentile(0.5), t.percentile(0.99)});
  std::stable_sort(m.exit_times.begin(), m.exit_times.end(),
                   [](const auto& a, const auto& b) { return a.samples > b.samples; });
  m.processor = kvm().counters();
  m.machine = machine_->counters();
  for (auto* counters : {&m.processor, &m.machine})
    std::erase_if(*counters, [](const KvmCounter& c) { return c.value == 0; });
  return m;
}

Outcome KvmMonitor::on(const exits::Halted&) {
  return handle(ExitReason::Hlt, [&] {
    return kvm().interrupts_enabled() ? Outcome::idle()
                                      : Outcome::stop("the processor is halted with interrupts off");
  });
}

void KvmMonitor::blame_incomplete_kvm() const {
  const std::string missing = host_kvm().missing();
  if (!missing.empty())
    throw HostError("this host's /dev/kvm is incomplete and stopped the guest; it lacks: " + missing +
                    ". Use --kvm-host, which boots a throw-away host with a whole one.");
}

Outcome KvmMonitor::on(const exits::TripleFault& e) {
  blame_incomplete_kvm();
  return HvmMonitor::on(e);
}

Outcome KvmMonitor::on(const exits::KvmInternalError& e) {
  blame_incomplete_kvm();
  const CpuState s = virtual_state();
  std::vector<u8> code;
  for (u32 i = 0; i < 15; ++i) {
    const auto at = translate(LinearAddr(s.seg[CS].base + s.eip + i));
    const u8* byte = at ? host.memory.at(*at) : nullptr;
    if (!byte) break;
    code.push_back(*byte);
  }
  std::string instruction = "is not in RAM";
  if (!code.empty()) {
    const std::string text = disassemble(code, s.eip, s.seg[CS].big());
    instruction = fmt::format("is {} ({:02x})", text.empty() ? "no instruction" : text, fmt::join(code, " "));
  }
  return Outcome::stop(
      fmt::format("KVM internal error {}: {}. The code at {:04X}:{:08X} {}. The guest's last state:\n{}",
                  e.sub_code, e.what, s.seg[CS].selector, s.eip, instruction, describe(s)));
}

Outcome KvmMonitor::on(const exits::KvmFailEntry& e) {
  return Outcome::stop(fmt::format(
      "the processor refused to enter the guest, hardware reason {:X}h. The guest's last state:\n{}",
      e.hardware_reason, describe(virtual_state())));
}

}  // namespace ringside
