#include "hypervisor/virtual_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside {
namespace {

constexpr std::array kModes{Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm, Mode::Kvm};
constexpr std::array<std::string_view, kModes.size()> kModeNames{"native", "trap", "para", "hvm", "kvm"};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang needs to be told

using SteadyClock = std::chrono::steady_clock;

/// The host's clock is read only every so often: a slice of a guest with a busy timer is short.
constexpr unsigned kEntriesPerClockCheck = 64;
/// No slice is longer, so that wall-clock limits are honoured while a guest loops without any device.
constexpr u64 kLongestSlice = 5'000'000;

}  // namespace

std::string_view name(Mode mode) { return kModeNames[static_cast<std::size_t>(mode)]; }
std::span<const Mode> all_modes() { return kModes; }

Mode parse_mode(std::string_view text) {
  for (Mode mode : kModes)
    if (name(mode) == text) return mode;
  throw HostError(unknown_name("mode", text, kModeNames));
}

VirtualMachine::VirtualMachine(const Image& image, const VmConfig& config) : config_(config), image_(image) {
  // A paravirtual kernel avoids what does not trap, and so needs no hypothetical processor.
  config_.host.cpu.sensitive = config.mode == Mode::Para ? SensitiveInstructions::Leak : config.sensitive;
  // A paravirtual guest has event channels instead, the host kernel's controller is a pair of 8259s to the
  // guest, and a lab's monitor need not know of an APIC.
  const bool whole_pc = config.mode != Mode::Para && !(config.mode == Mode::Kvm && config.kernel_irqchip);
  config_.host.machine.apic =
      whole_pc && !config.custom_monitor && config.host.cpu.model >= CpuModel::Pentium;
  config_.host.monitor_bytes = monitor_bytes(config.mode, config.host.ram_bytes);
  if (config.passthrough && config.mode != Mode::Native && config.mode != Mode::Hvm)
    throw HostError(
        fmt::format("{} cannot pass a device through: that takes an I/O-MMU and posted interrupts, which "
                    "come with mode hvm",
                    name(config.mode)));
  host_ = std::make_unique<Host>(config_.host);
  monitor_ =
      config_.custom_monitor ? config_.custom_monitor(*host_) : make_monitor(config_.mode, *host_, config_);
  monitor_->boot(image_, config_.command_line);
}

VirtualMachine::~VirtualMachine() = default;

u64 VirtualMachine::instructions() const { return host_->cpu.retired() + emulated_; }

u64 VirtualMachine::next_deadline() const {
  return std::min(host_->machine.next_deadline(), monitor_->next_deadline());
}

void VirtualMachine::let_devices_act() {
  host_->machine.advance();
  monitor_->advance();
}

void VirtualMachine::end(Ending ending, std::string why) {
  ended_ = true;
  ending_ = ending;
  why_ = std::move(why);
}

void VirtualMachine::report_exit(const ExitRecord& before, const Exit& exit) {
  ExitRecord record = before;
  record.reason = host_->ledger.last_reason();
  record.events = host_->ledger.last_events();
  record.handler = host_->ledger.last_handler();
  record.cycles = static_cast<u32>(host_->now() - before.cycle);
  record.detail = std::visit(
      Overloaded{
          [](const exits::MonitorEntry& e) { return e.event.vector == vector::PF ? e.cr2 : e.event.vector; },
          [](const exits::ExceptionOrNmi& e) {
            return e.event.vector == vector::PF ? e.cr2 : e.event.vector;
          },
          [](const exits::IoInstruction& e) { return u32{e.port}; },
          [](const exits::PortAccess& e) { return u32{e.port}; },
          [](const exits::CrAccess& e) { return u32{e.cr}; },
          [](const exits::Invlpg& e) { return e.address.value; },
          [](const exits::EptViolation& e) { return static_cast<u32>(e.guest_phys.value); },
          [](const exits::MmioAccess& e) { return static_cast<u32>(e.address.value); },
          [](const auto&) { return u32{0}; },
      },
      exit);
  record.detail = host_->ledger.last_detail().value_or(record.detail);
  observer_(record);
}

u64 VirtualMachine::next_action() const {
  const bool waits = waiting_since_ && !monitor_->event_waiting();
  return waits ? std::max(next_deadline(), host_->now()) : host_->now();
}

bool VirtualMachine::wait_for_event(const Limits& limits) {
  const u64 began = waiting_since_.value_or(host_->now()), patience = began + kStuckSeconds * host_->hz();
  waiting_since_.reset();
  while (!monitor_->event_waiting()) {
    const u64 deadline = next_deadline();
    if (horizon_ < std::min(deadline, patience)) {
      host_->idle_until(horizon_);
      waiting_since_ = began;
      return true;
    }
    if (!limits.on_idle && (deadline == Machine::kNever || deadline > patience)) {
      end(Ending::Died,
          deadline == Machine::kNever
              ? "the guest is halted and no device will ever interrupt it"
              : fmt::format("the guest is halted and has not been interrupted for {} simulated seconds",
                            kStuckSeconds));
      return false;
    }
    const u64 now = host_->now();
    // With nothing to wait for, an interactive guest sleeps a millisecond at a time until somebody types.
    const u64 until = deadline == Machine::kNever ? now + host_->hz() / 1000 : deadline;
    if (limits.on_idle) {
      limits.on_idle(until > now ? until - now : 0);
      if (stop_requested_) return true;
    }
    host_->idle_until(until);
    let_devices_act();
  }
  return true;
}

void VirtualMachine::begin_slice() {
  let_devices_act();
  waiting_at_start_ = monitor_->event_waiting();
  monitor_->before_entry();
  const u64 now = host_->now(), deadline = std::min(next_deadline(), horizon_);
  slice_left_ = deadline <= now ? 1 : std::min(deadline - now, kLongestSlice);
  host_->set_slice_end(deadline);
}

VirtualMachine::Entry VirtualMachine::run_one(u64 budget, const Limits& limits) {
  if (slice_left_ == 0) begin_slice();
  const u64 granted = std::min(budget, slice_left_);
  const CpuCounters& counters = host_->cpu.counters();
  const auto faults = [&] { return counters.exceptions + counters.page_faults; };
  const auto paid = [&] { return counters.instructions + counters.rep_iterations + faults(); };
  const u64 before = counters.instructions, paid_before = paid(), faults_before = faults();
  // What counts against the budget although nothing retired: the entry itself, and each fault in a row of
  // them.
  const auto fruitless = [&] {
    const u64 retired = counters.instructions - before, raised = faults() - faults_before;
    return std::max<u64>(retired == 0, raised > retired ? raised - retired : 0);
  };
  const Exit exit = monitor_->enter(granted);
  host_->settle();

  if (const auto* stop = std::get_if<exits::DebugStop>(&exit)) {
    slice_left_ -= std::min(slice_left_, paid() - paid_before);
    debug_stop_ = *stop;
    return Entry::Debug;
  }
  if (std::holds_alternative<exits::BudgetSpent>(exit)) {
    slice_left_ -= granted;
    if (slice_left_ > 0) {  // the budget was shorter than the slice
      fruitless_ += fruitless();
      return Entry::Slice;
    }
  }
  slice_left_ = 0;
  const bool slice_over =
      std::holds_alternative<exits::BudgetSpent>(exit) || std::holds_alternative<exits::Stopped>(exit);
  ExitRecord record;
  if (observer_) {
    const CpuState guest = monitor_->virtual_state();
    record = {.index = host_->ledger.exits_closed(),
              .instruction = instructions(),
              .cycle = host_->now(),
              .eip = guest.eip,
              .cpl = static_cast<u8>(guest.cpl())};
  }
  const Outcome outcome = dispatch(*monitor_, exit);
  if (outcome.kind != Outcome::Kind::Stop) monitor_->apply(outcome);
  if (observer_ && host_->ledger.exits_closed() != record.index) report_exit(record, exit);
  if (outcome.kind == Outcome::Kind::Advance)
    ++emulated_;
  else
    fruitless_ += fruitless();
  if (const auto code = host_->machine.exit_code()) {
    guest_status_ = *code;
    end(*code == 0 ? Ending::Success : Ending::Failure,
        *code == 0 ? "" : fmt::format("the guest reported failure, code {}", *code));
    return Entry::Exit;
  }
  if (const char* cause = host_->machine.reset_cause()) {
    end(Ending::Died, fmt::format("the guest reset the processor through {}", cause));
    return Entry::Exit;
  }
  if (outcome.kind == Outcome::Kind::Stop) {
    end(Ending::Died, outcome.why);
    return Entry::Exit;
  }
  if (outcome.kind == Outcome::Kind::Idle) {
    wait_for_event(limits);
  } else if (slice_over) {
    let_devices_act();
    if (!waiting_at_start_ && monitor_->event_waiting()) monitor_->interrupt_guest();
  }
  return slice_over ? Entry::Slice : Entry::Exit;
}

Ending VirtualMachine::run(const Limits& limits) {
  const auto start = SteadyClock::now();
  stop_requested_ = false;
  debug_stop_.reset();
  horizon_ = limits.until;
  if (waiting_since_) wait_for_event(limits);
  for (unsigned entries = 1; !ended_; ++entries) {
    const u64 done = spent();
    if (done >= limits.instructions) {
      why_ = fmt::format("the budget of {} instructions is spent", limits.instructions);
      return ending_ = Ending::Budget;
    }
    if (stop_requested_.load(std::memory_order_relaxed)) {
      why_ = "stopped on request";
      return ending_ = Ending::Budget;
    }
    if (host_->now() >= limits.until) return ending_ = Ending::Budget;
    if (limits.wall_seconds > 0 && entries % kEntriesPerClockCheck == 0 &&
        SteadyClock::now() - start > std::chrono::duration<double>(limits.wall_seconds)) {
      why_ = fmt::format("the budget of {} seconds is spent", limits.wall_seconds);
      return ending_ = Ending::Budget;
    }
    if (run_one(limits.instructions - done, limits) == Entry::Debug) {
      why_ = fmt::format("breakpoint at {:08X}", debug_stop_->address.value);
      return ending_ = Ending::Budget;
    }
  }
  return ending_;
}

bool VirtualMachine::step(u64 count, bool to_next_exit) {
  debug_stop_.reset();
  const CpuCounters& counters = host_->cpu.counters();
  while (!ended_ && count > 0) {
    const u64 before = spent(), instructions_before = instructions(), elements = counters.rep_iterations;
    const Entry entry = run_one(count, Limits{});
    if (entry == Entry::Debug || (to_next_exit && entry == Entry::Exit)) break;
    const bool repeating = counters.rep_iterations != elements && instructions() == instructions_before;
    if (!repeating) count -= std::min(count, spent() - before);  // a step is a whole REP
  }
  return !ended_;
}

void VirtualMachine::request_stop() {
  stop_requested_ = true;
  monitor_->stop();
}

}  // namespace ringside
