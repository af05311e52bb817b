#include "hypervisor/kvm/kvm_monitor.h"

#include <fmt/format.h>

#include <chrono>

#include "cpu/host_error.h"
#include "hypervisor/describe_state.h"
#include "hypervisor/kvm/probe.h"
#include "hypervisor/machine_layout.h"

namespace ringside {
namespace {

u64 wall_ns() {
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                              std::chrono::steady_clock::now().time_since_epoch())
                              .count());
}

}  // namespace

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
  const u64 handled = host.ledger.exits_closed();
  if (returned_at_ && handled == exits_before_ + 1)
    times_[static_cast<std::size_t>(host.ledger.last_reason())].add(wall_ns() - returned_at_);
  const u64 before = kvm().guest_ns();
  Exit exit = kvm().run(budget);
  returned_at_ = wall_ns();
  exits_before_ = host.ledger.exits_closed();
  host.pass_measured_time(static_cast<u64>(Wide{kvm().guest_ns() - before} * host.hz() / 1'000'000'000));
  return exit;
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
  std::string bytes;
  const CpuState s = virtual_state();
  for (u32 i = 0; i < 15; ++i) {
    const auto at = translate(LinearAddr(s.seg[CS].base + s.eip + i));
    const u8* byte = at ? host.memory.at(*at) : nullptr;
    if (!byte) break;
    bytes += fmt::format("{}{:02x}", i ? " " : "", *byte);
  }
  return Outcome::stop(fmt::format(
      "KVM internal error {}: {}. Code at {:04X}:{:08X}: {}. The guest's last state:\n{}", e.sub_code, e.what,
      s.seg[CS].selector, s.eip, bytes.empty() ? "(not mapped)" : bytes, describe(s)));
}

Outcome KvmMonitor::on(const exits::KvmFailEntry& e) {
  return Outcome::stop(fmt::format(
      "the processor refused to enter the guest, hardware reason {:X}h. The guest's last state:\n{}",
      e.hardware_reason, describe(virtual_state())));
}

}  // namespace ringside
