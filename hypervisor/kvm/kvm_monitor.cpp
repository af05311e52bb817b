#include "hypervisor/kvm/kvm_monitor.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"
#include "hypervisor/describe_state.h"
#include "hypervisor/kvm/disassemble.h"
#include "hypervisor/kvm/probe.h"
#include "hypervisor/machine_layout.h"

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
  Exit exit = kvm().run(budget);
  if (kvm().entered_at() > left) {  // otherwise something came before the guest
    if (left && handled == 1) times_[static_cast<std::size_t>(reason)].add(kvm().entered_at() - left);
    exits_before_ = host.ledger.exits_closed();
  }
  host.pass_measured_time(static_cast<u64>(Wide{kvm().guest_ns() - ran} * host.hz() / 1'000'000'000));
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
