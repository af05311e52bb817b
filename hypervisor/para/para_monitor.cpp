#include "hypervisor/para/para_monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "hypervisor/abi/ports.h"
#include "hypervisor/para/hypercalls.h"

namespace ringside {
namespace {

ExitReason reason_of(const Event& event) {
  switch (event.type) {
    case EventType::ExternalInterrupt: return ExitReason::ExternalInterrupt;
    case EventType::SoftwareInterrupt:
      return event.vector == para::kHypercallVector ? ExitReason::Hypercall : ExitReason::Syscall;
    default: return event.vector == vector::PF ? ExitReason::TruePageFault : ExitReason::GuestException;
  }
}

u64 nanoseconds(u64 cycles, u64 hz) { return cycles / hz * 1'000'000'000 + cycles % hz * 1'000'000'000 / hz; }

}  // namespace

void ParaMonitor::boot(const Image& image, const std::string& command_line) {
  domain_ = std::make_unique<para::Domain>(host, disk_, cable_, image, command_line);
}

// ---- entries

Exit ParaMonitor::enter(u64 budget) {
  if (domain_->blocked) return exits::Halted{};
  return widen(host.cpu.run(budget));
}

Outcome ParaMonitor::on(const exits::Halted&) { return Outcome::idle(); }

Outcome ParaMonitor::on(const exits::MonitorEntry& entry) {
  para::Domain& d = *domain_;
  CpuState& s = d.cpu();
  const Event& event = entry.event;
  host.ledger.begin_exit(reason_of(event));
  host.ledger.count(CostEvent::ParavirtualTransition);

  s.eip += event.instruction_length;  // of INT n; a fault has none
  const bool by_instruction = event.instruction_length != 0;
  if (event.type == EventType::SoftwareInterrupt && event.vector == para::kHypercallVector) {
    hypercall();
  } else if (event.type != EventType::ExternalInterrupt) {
    bounce(event, entry.cr2);
  }
  if (d.crash.empty() && d.events.deliverable()) upcall();
  host.ledger.end_exit();

  if (!d.crash.empty())
    return Outcome::stop(
        fmt::format("the monitor ended the guest at {:04X}:{:08X}: {}", s.seg[CS].selector, s.eip, d.crash));
  if (d.blocked) return Outcome::idle();
  return by_instruction ? Outcome::advance(0) : Outcome::retry();
}

Outcome ParaMonitor::on(const exits::TripleFault&) {
  return Outcome::stop(
      "triple fault: an exception could not be delivered, nor the double fault that it caused");
}

void ParaMonitor::hypercall() { para::hypercall(*domain_); }

/// A fault or INT n of the guest's goes to the guest's own handler.
void ParaMonitor::bounce(const Event& event, u32 cr2) {
  para::Domain& d = *domain_;
  host.ledger.handled_at();
  const auto handler = d.traps.find(event.vector);
  if (!handler) {
    d.crash = fmt::format("it has no handler for vector {}", event.vector);
    if (event.has_error_code) d.crash += fmt::format(", error code {:X}h", event.error_code);
    if (event.vector == vector::PF) d.crash += fmt::format(", address {:08X}h", cr2);
    return;
  }
  if (event.vector == vector::PF) d.events.set_cr2(cr2);
  const auto error = event.has_error_code ? std::optional(event.error_code) : std::nullopt;
  d.crash = push_frame(d.context(), *handler, error, !d.events.masked());
  if (!d.crash.empty()) {
    d.crash = fmt::format("vector {} cannot be delivered: {}", event.vector, d.crash);
    return;
  }
  if (handler->masks_events) d.events.set_masked(true);
  host.ledger.count(CostEvent::InjectEvent);
}

/// An event interrupts the guest.
void ParaMonitor::upcall() {
  para::Domain& d = *domain_;
  const para::TrapHandler callback{.cs = RS_KERNEL_CS, .eip = d.events.callback(), .masks_events = true};
  d.crash = push_frame(d.context(), callback, std::nullopt, true);
  if (!d.crash.empty()) {
    d.crash = "an event cannot be delivered: " + d.crash;
    return;
  }
  d.events.delivered(nanoseconds(host.now(), host.hz()));
  host.ledger.count(CostEvent::InjectEvent);
}

// ---- between entries

void ParaMonitor::before_entry() {
  para::Domain& d = *domain_;
  if (!d.blocked || !d.events.pending()) return;
  // The guest wakes from RS_SCHED_BLOCK, inside the monitor.
  d.blocked = false;
  if (d.events.deliverable()) upcall();
}

void ParaMonitor::apply(const Outcome& outcome) {
  assert(outcome.kind != Outcome::Kind::Inject);  // bounce() does that, where it can still fail
  host.cpu.state().eip += outcome.length;
}

void ParaMonitor::interrupt_guest() { host.cpu.set_interrupt_line(true); }

u64 ParaMonitor::next_deadline() const {
  const u64 timer = domain_->timer.next_deadline();
  return domain_->net ? std::min(timer, domain_->net->next_arrival()) : timer;
}

void ParaMonitor::advance() {
  para::Domain& d = *domain_;
  const u64 ticks = d.timer.take_ticks(host.now());
  if (ticks) d.events.raise_timer(ticks);
  take_console_input();
  const bool frames = d.net && d.net->receive(host.now());
  if (frames) d.events.raise(RS_EVENT_NET);
  // The host's timer and its network card interrupt a running guest even if the guest holds events off.
  if ((ticks || frames) && !d.blocked) interrupt_guest();
}

bool ParaMonitor::event_waiting() const { return domain_->events.pending(); }

/// The monitor is the driver of the machine's serial port.
void ParaMonitor::take_console_input() {
  constexpr u16 kData = RS_PORT_UART, kLineStatus = RS_PORT_UART + 5;
  constexpr u32 kDataReady = 1;
  para::Domain& d = *domain_;
  if (!host.machine.console_input_waiting()) return;
  bool arrived = false;
  while (d.console.has_room() && (host.machine.port_in(kLineStatus, 1) & kDataReady)) {
    d.console.put(static_cast<char>(host.machine.port_in(kData, 1)));
    arrived = true;
  }
  if (arrived) d.events.raise(RS_EVENT_CONSOLE);
}

// ---- the guest as others see it

CpuState ParaMonitor::virtual_state() const {
  CpuState s = host.cpu.state();
  if (domain_->events.masked()) s.eflags &= ~eflags::IF;
  return s;
}

std::optional<MachinePhys> ParaMonitor::translate(LinearAddr address) const {
  return domain_->memory.translate(address);
}

}  // namespace ringside
