#include "ui/cli/runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include "cpu/host_error.h"
#include "ui/cli/kvm_host.h"
#include "ui/cli/terminal.h"
#include "ui/model/diagnosis.h"

namespace ringside::cli {
namespace {

/// Instructions between two looks at the progress. A constant, so that it cannot make two runs differ.
constexpr u64 kStep = 10'000'000;

struct Progress final : Watcher {
  std::atomic<u64> instructions{0};
  std::atomic<bool> done{false};
  bool step(VirtualMachine& vm) override {
    instructions = vm.instructions();
    return true;
  }
};

/// "native done   trap [#######-----]  58%   para 12 M": a share once a finished run has shown how much there
/// is to do.
std::string progress_line(const std::vector<Mode>& modes, const std::deque<Progress>& states) {
  u64 expected = 0;
  for (const Progress& p : states)
    if (p.done) expected = std::max<u64>(expected, p.instructions);
  std::string line;
  for (std::size_t i = 0; i < modes.size(); ++i) {
    const u64 n = states[i].instructions;
    line += fmt::format("{} ", name(modes[i]));
    if (states[i].done) {
      line += "done";
    } else if (expected) {
      const double share = std::min(0.99, static_cast<double>(n) / static_cast<double>(expected));
      const auto filled = static_cast<std::size_t>(share * 12);
      line += fmt::format("[{}{}] {:2.0f}%", std::string(filled, '#'), std::string(12 - filled, '-'),
                          share * 100);
    } else {
      line += fmt::format("{} M instructions", n / 1'000'000);
    }
    line += "   ";
  }
  return line;
}

}  // namespace

VmConfig vm_config(Mode mode, const GuestSource& source, const RunOptions& options) {
  VmConfig config;
  config.mode = mode;
  config.host.ram_bytes = options.ram_bytes;
  config.host.cpu.model = options.cpu;
  config.host.profile = options.profile;
  config.host.machine.disk = source.make_disk();
  config.host.machine.console_input = options.console_input;
  config.sensitive = options.sensitive;
  config.kernel_irqchip = options.kernel_irqchip;
  config.shadow = options.shadow;
  config.ept_levels = options.ept_levels;
  config.ept_large_pages = options.ept_large_pages;
  config.host.cpu.tlb = options.tlb;
  config.host.walk_caches = options.walk_caches;
  config.passthrough = options.io == "passthrough";
  config.host.machine.cards = options.paravirtual.cards;
  config.host.pv_clock = options.paravirtual.clock;
  config.command_line = options.command_line;
  // A guest that drives a device itself uses the ring. Which driver it takes is said on its command line; a
  // paravirtual kernel has only its own.
  if (options.io != "pio" && mode != Mode::Para)
    config.command_line =
        fmt::format("io={} {}", config.passthrough ? "ring" : options.io, options.command_line);
  return config;
}

namespace {

/// Why a guest that was to have a paravirtual clock was not told of one; empty if it was.
std::string_view no_pv_clock(Mode mode) {
  switch (mode) {
    case Mode::Native: return "no kvmclock: on bare metal there is no hypervisor to ask";
    case Mode::Trap:
      return "no kvmclock: a guest looks for it by CPUID, which does not trap outside hardware assistance";
    case Mode::Para: return "no kvmclock: a kernel built for this hypervisor has a clock of its own";
    case Mode::Hvm:
    case Mode::Kvm: return {};
  }
  return {};
}

/// Looks at the machine every so many instructions, until it is done or somebody has had enough; a watcher
/// who looks for what the guest shows sees it every tenth of a second of the guest's time, too, for most of
/// that may go by while the guest sleeps. Where a real processor runs the guest nobody counts its
/// instructions.
template <class Machines>
RunReport run_in_steps(Machines& machines, VirtualMachine& watched, const RunOptions& options,
                       Watcher* watcher, model::Diagnosis* diagnosis) {
  model::ExitTrail trail;
  if (diagnosis) trail.follow(watched);  // unless the watcher wants to see every exit itself
  if (watcher) watcher->started(watched);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Limits limits = options.limits;
  const auto on_idle = [&](u64 cycles) { watcher->idle(watched, cycles); };
  const double patience = options.limits.wall_seconds;
  const bool counted = watched.mode() != Mode::Kvm;
  bool out_of_time = false, out_of_budget = false, wanted = true;
  while (!machines.ended() && !out_of_time && !out_of_budget && wanted) {
    if (watcher && (!counted || watcher->by_guest_time()))
      limits.until = watched.host().now() + watched.host().hz() / 10;
    if (counted) limits.instructions = std::min(machines.spent() + kStep, options.limits.instructions);
    if (patience > 0) limits.wall_seconds = std::max(0.001, patience - elapsed());
    limits.on_idle = nullptr;
    if (watcher && watcher->wants_idle()) limits.on_idle = on_idle;
    machines.run(limits);
    if (watcher) wanted = watcher->step(watched);
    out_of_time = patience > 0 && elapsed() >= patience;
    out_of_budget = counted ? machines.spent() >= options.limits.instructions
                            : watched.why().starts_with("the budget of");
  }
  RunReport report = make_report(machines, elapsed());
  const std::string why = watched.why();
  const bool unexpected = report.status == RunReport::Status::Failed && report.ending != Ending::Failure;
  if (diagnosis && unexpected && wanted) {
    *diagnosis = model::diagnose(watched, trail);
    diagnosis->loop = model::short_loop(watched);
  }
  if (!machines.ended() && out_of_time)  // the machine knows only of the last step's share
    report.reason.replace(0, why.size(),
                          fmt::format("the budget of {} seconds is spent: --seconds gives more", patience));
  else if (!machines.ended() && out_of_budget)
    report.reason.insert(why.size(), ": --instructions gives more");
  if (const auto none = no_pv_clock(report.mode); options.paravirtual.clock && !none.empty())
    report.reason += fmt::format("{}{}", report.reason.empty() ? "" : ". ", none);
  return report;
}

}  // namespace

RunReport run_mode(Mode mode, const GuestSource& source, const RunOptions& options, Watcher* watcher,
                   model::Diagnosis* diagnosis) {
  if (mode == Mode::Kvm && !options.kvm_host.empty()) return run_in_kvm_host(options.kvm_host);
  try {
    const GuestSource* peer = options.peer ? options.peer.get() : source.needs_peer ? &source : nullptr;
    if (!peer && options.network.nat)
      throw HostError("--nat: this guest is alone; give it a machine to talk to with --peer GUEST");
    if (!peer) {
      VirtualMachine vm(source.image_for(mode), vm_config(mode, source, options));
      return run_in_steps(vm, vm, options, watcher, diagnosis);
    }
    const Mode peer_mode = options.peer_mode.value_or(mode);
    MachinePair pair({source.image_for(mode), vm_config(mode, source, options)},
                     {peer->image_for(peer_mode), vm_config(peer_mode, *peer, options)}, options.network);
    return run_in_steps(pair, pair.first(), options, watcher, diagnosis);
  } catch (const HostError& error) {
    return unavailable(mode, error.what());
  }
}

std::vector<RunReport> run_modes(const std::vector<Mode>& modes, const GuestSource& source,
                                 const RunOptions& options, unsigned jobs, bool show_progress,
                                 std::vector<model::Diagnosis>* diagnoses) {
  std::vector<RunReport> reports(modes.size());
  if (diagnoses) diagnoses->assign(modes.size(), {});
  std::deque<Progress> states(modes.size());
  std::atomic<std::size_t> next{0}, finished{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < modes.size();) {
      reports[i] = run_mode(modes[i], source, options, &states[i], diagnoses ? &(*diagnoses)[i] : nullptr);
      states[i].done = true;
      ++finished;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::clamp<std::size_t>(jobs, 1, modes.size()); ++i)
      threads.emplace_back(work);
    while (show_progress && finished < modes.size()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      fmt::print(stderr, "\r{}\033[K", progress_line(modes, states));
    }
  }
  if (show_progress) fmt::print(stderr, "\r\033[K");
  const auto native =
      std::find_if(reports.begin(), reports.end(), [](const RunReport& r) { return r.mode == Mode::Native; });
  if (native != reports.end()) compare_to(RunReport(*native), reports);
  return reports;
}

}  // namespace ringside::cli
