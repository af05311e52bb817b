#include "hypervisor/network/pair.h"

#include <algorithm>
#include <chrono>

namespace ringside {
namespace {

/// The host's clock is read only every so often.
constexpr unsigned kTurnsPerClockCheck = 64;

u64 action_of(const VirtualMachine& vm) { return vm.ended() ? Machine::kNever : vm.next_action(); }

/// How far a machine whose next action is at `own` may run. The other one sends nothing before its own next
/// action, or before it has heard of this one's. If neither will ever act, they wait in vain, and may find
/// that out.
u64 horizon(u64 own, u64 others, u64 latency) {
  if (own == Machine::kNever) return Machine::kNever;
  const u64 woken = own + latency;
  return std::min(others, woken) + latency;
}

}  // namespace

MachinePair::MachinePair(Side first, Side second, const NetworkConfig& network) {
  const CostProfile* profile = first.config.host.profile;
  second.config.host.profile = profile;
  switch_ =
      std::make_shared<VirtualSwitch>(2, (profile ? *profile : default_cost_profile()).hz, network.link);
  for (std::size_t i = 0; i < ports_.size(); ++i) ports_[i] = VirtualSwitch::port(switch_, i);
  if (network.nat) {
    nat_ = std::make_shared<NatPort>(ports_[0], [this]() -> u64 {
      first_->host().ledger.count(CostEvent::NatTranslation);
      return first_->host().profile[CostEvent::NatTranslation];
    });
    first.config.host.machine.network = nat_;
  } else {
    first.config.host.machine.network = ports_[0];
  }
  second.config.host.machine.network = ports_[1];
  first_ = std::make_unique<VirtualMachine>(first.image, first.config);
  second_ = std::make_unique<VirtualMachine>(second.image, second.config);
}

Ending MachinePair::run(const Limits& limits) {
  const auto start = std::chrono::steady_clock::now();
  const auto out_of_time = [&] {
    return limits.wall_seconds > 0 &&
           std::chrono::steady_clock::now() - start > std::chrono::duration<double>(limits.wall_seconds);
  };
  for (unsigned turn = 1; !ended(); ++turn) {
    if (turn % kTurnsPerClockCheck == 0 && out_of_time()) return Ending::Budget;
    first_->host().machine.network_changed();
    second_->host().machine.network_changed();
    const u64 a = action_of(*first_), b = action_of(*second_);
    const bool first_acts = !first_->ended() && (second_->ended() || a <= b);
    VirtualMachine& acting = first_acts ? *first_ : *second_;
    Limits turn_limits = limits;
    turn_limits.until = horizon(first_acts ? a : b, first_acts ? b : a, switch_->latency());
    acting.run(turn_limits);
    if (!acting.ended() && acting.host().now() < turn_limits.until) return Ending::Budget;
  }
  return first_->ending() != Ending::Success ? first_->ending() : second_->ending();
}

}  // namespace ringside
