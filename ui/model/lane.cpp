#include "ui/model/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cpu/host_error.h"
#include "hypervisor/accounting/run_report.h"

namespace ringside::model {
namespace {

/// How long a live lane runs before others have their turn; and how many single steps it makes at once.
constexpr double kLiveSeconds = 0.005;
constexpr u64 kMostLiveSteps = 100'000;

/// While a breakpoint on CR3 is set the guest runs one instruction at a time: slow, but it stops at the right
/// one.
bool needs_single_steps(const std::vector<Breakpoint>& breakpoints) {
  return std::any_of(breakpoints.begin(), breakpoints.end(),
                     [](const Breakpoint& b) { return b.what.kind == command::AddBreakpoint::Kind::Cr3; });
}

}  // namespace

Lane::Lane(Mode mode, const GuestSource& source, const LaneOptions& options)
    : mode_(mode), source_(source), options_(options) {
  build();
}

void Lane::build() {
  vm_.reset();
  recorder_.clear();
  history_.clear();
  printed_.clear();
  delivered_ = 0;
  hit_ = idle_ = broken_ = false;
  reason_.clear();
  disk_.reset();
  try {
    if (auto disk = source_.make_disk()) disk_ = std::make_shared<VersionedDisk>(std::move(disk));
    VmConfig config = options_.machine;
    config.mode = mode_;
    config.host.machine.disk = disk_;
    vm_ = std::make_unique<VirtualMachine>(source_.image_for(mode_), config);
  } catch (const HostError& e) {
    reason_ = e.what();
    return;
  }
  vm_->observe_exits([this](const ExitRecord& exit) {
    recorder_.record(exit);
    if (tap_) tap_(exit);
    for (const Breakpoint& b : breakpoints_) {
      using Kind = command::AddBreakpoint::Kind;
      const bool io = exit.reason == ExitReason::IoInstruction;
      if ((b.what.kind == Kind::Reason && static_cast<u32>(exit.reason) == b.what.value) ||
          (b.what.kind == Kind::Port && io && exit.detail == b.what.value)) {
        hit_ = true;
        reason_ = fmt::format("breakpoint: {} at {:08x}", info(exit.reason).name, exit.eip);
      }
    }
    if (live() && (hit_ || stop_at_exit_)) vm_->request_stop();
  });
  apply_breakpoints();
  take_snapshot();
  deliver_input();
}

void Lane::reset() {
  inputs_.clear();
  build();
}

bool Lane::advance(u64 count, bool to_next_exit) {
  if (!vm_ || vm_->ended()) return false;
  hit_ = false;
  const u64 from = instructions();
  u64 until = from + count;
  if (delivered_ < inputs_.size())
    until = std::min(until, std::max(from + 1, inputs_[delivered_].instruction));
  const u32 cr3 = vm_->monitor().virtual_state().cr3;
  const bool single = needs_single_steps(breakpoints_);
  const u64 exits = recorder_.count();
  leave_breakpoint();
  do {
    const u64 before = instructions();
    vm_->step(single ? 1 : until - before, to_next_exit || !breakpoints_.empty());
    if (vm_->debug_stop()) {
      hit_ = true;
      reason_ = fmt::format("breakpoint at {:08x}", vm_->debug_stop()->address.value);
    } else if (single && vm_->monitor().virtual_state().cr3 != cr3) {
      hit_ = true;
      reason_ = fmt::format("breakpoint: CR3 is now {:08x}", vm_->monitor().virtual_state().cr3);
    }
    if (to_next_exit && recorder_.count() != exits) break;
  } while (!hit_ && !vm_->ended() && instructions() < until);
  if (hit_) standing_at_ = instructions();
  deliver_input();
  if (vm_->ended()) reason_ = vm_->why().empty() ? "the guest ended well" : vm_->why();
  return hit_;
}

bool Lane::advance_live(const std::function<void()>& enter) {
  if (ended()) return false;
  hit_ = false;
  try {
    leave_breakpoint();
    if (!vm_->ended()) enter();
  } catch (const HostError& e) {  // a KVM that lacks what this guest needs
    broken_ = true;
    reason_ = e.what();
    return false;
  }
  if (vm_->debug_stop()) {
    hit_ = true;
    reason_ = fmt::format("breakpoint at {:08x}", vm_->debug_stop()->address.value);
  }
  standing_at_ = hit_ ? instructions() : ~u64{0};
  if (vm_->ended()) reason_ = vm_->why().empty() ? "the guest ended well" : vm_->why();
  return hit_;
}

bool Lane::run(u64 count) {
  if (ended()) return false;
  using SteadyClock = std::chrono::steady_clock;
  const auto start = SteadyClock::now();
  const u64 from = instructions(),
            idle_before = vm_->host().ledger.attribution(vm_->host().profile)[Bucket::Idle];
  const u64 until = from + count;
  bool hit = false;
  // Stop early where the guest mostly idles: simulated seconds would fly by while nobody types.
  for (u64 slice = std::max<u64>(count / 16, 1); !hit && !vm_->ended() && instructions() < until;) {
    if (live()) {
      hit = advance_live([&] { vm_->run({.wall_seconds = kLiveSeconds}); });
      if (SteadyClock::now() - start > std::chrono::duration<double>(kLiveSeconds)) break;
    } else {
      hit = advance(std::min(slice, until - instructions()), false);
      snapshot_if_due();
    }
    const u64 idle = vm_->host().ledger.attribution(vm_->host().profile)[Bucket::Idle] - idle_before;
    idle_ = idle > vm_->host().hz() / 20;
    if (idle_) break;
  }
  measured_seconds_ += std::chrono::duration<double>(SteadyClock::now() - start).count();
  measured_instructions_ += instructions() - from;
  return hit;
}

void Lane::step(u64 count) {
  if (!live()) {
    advance(count, false);
    return;
  }
  for (u64 i = 0; i < std::min(count, kMostLiveSteps); ++i)
    if (advance_live([&] { vm_->step(1, false); }) || ended()) break;
}

void Lane::to_next_trap() {
  constexpr u64 kFarEnough = 50'000'000;
  const u64 exits = recorder_.count(), until = instructions() + kFarEnough;
  stop_at_exit_ = true;
  while (!ended() && recorder_.count() == exits && instructions() < until) {
    if (live() ? advance_live([&] { vm_->run({.wall_seconds = kLiveSeconds}); })
               : advance(std::min(until - instructions(), kReplaySlice), true))
      break;
    if (options_.give_up && options_.give_up()) break;
  }
  stop_at_exit_ = false;
}

RunReport Lane::report(const CostProfile& prices) const {
  if (!vm_) return unavailable(mode_, reason_);
  RunReport report = make_report(*vm_, measured_seconds_);
  report.profile = &prices;
  report.cycles = vm_->host().ledger.attribution(prices);
  report.exits = vm_->host().ledger.exits(prices);
  if (!vm_->ended()) report.reason = fmt::format("paused at guest instruction {}", instructions());
  return report;
}

}  // namespace ringside::model
