// Agesen, Mattson, Rugina, Sheldon, "Software Techniques for Avoiding Hardware Virtualization Exits", USENIX
// ATC 2012: table 1 (exit latency by generation), and what that latency does to one workload.
#include <fmt/format.h>

#include "ui/papers/paper.h"

namespace ringside::papers {
namespace {

constexpr std::string_view kProfile = "pentium4-2006";

struct Generation {
  const char* name;
  double latency;                           ///< of a hardware exit and entry, cycles
  std::optional<double> forkwait_slowdown;  ///< Adams & Agesen 2006, where that processor was measured
};
const Generation kGenerations[] = {
    {"Prescott", 3963, 106.4 / 6.02},
    {"Merom", 1579, 38.89 / 2.62},
    {"Penryn", 1266, {}},
    {"Nehalem", 1009, {}},
    {"Westmere", 761, {}},
    {"Sandy Bridge", 784, {}},
    {"nested on Sandy Bridge", 9794, {}},
};

std::vector<cli::Job> jobs() {
  std::vector<cli::Job> jobs;
  for (const char* work : {"run=true", "run=forkwait 40"}) {
    const std::string name = work;
    jobs.push_back(job("native " + name, "kernel", Mode::Native, name, kProfile));
    jobs.push_back(job("trap " + name, "kernel", Mode::Trap, name, kProfile));
    jobs.push_back(job("ept " + name, "kernel", Mode::Hvm, name, kProfile));
    jobs.push_back(job("shadow " + name, "kernel", Mode::Hvm, name, kProfile));
    jobs.back().options.ept_levels = 0;
  }
  return jobs;
}

/// Busy cycles of forkwait under `run` if a hardware exit cost `latency`: counts stay, the price changes.
std::optional<double> repriced(const Reports& r, const std::string& run, double latency) {
  const auto busy = busy_of(r, run + " run=forkwait 40", run + " run=true");
  if (!busy) return busy;
  const double exits = static_cast<double>(r.at(run + " run=forkwait 40").exit_samples()) -
                       static_cast<double>(r.at(run + " run=true").exit_samples());
  return *busy + exits * (latency - cost_profile(kProfile)[CostEvent::VmExitEntry]);
}

std::vector<Row> rows(const Reports& r) {
  std::vector<Row> rows;
  const auto native = busy_of(r, "native run=forkwait 40", "native run=true");
  for (const Generation& g : kGenerations)
    rows.push_back({Row::Kind::Price, fmt::format("exit and entry, {}", g.name), "cycles", g.latency,
                    g.latency, "the price itself; what follows is what it does"});
  for (const Generation& g : kGenerations)
    rows.push_back({Row::Kind::Prediction, fmt::format("forkwait over native, exits as on {}", g.name), "x",
                    g.forkwait_slowdown, quotient(repriced(r, "shadow", g.latency), native),
                    g.forkwait_slowdown
                        ? "published: Adams & Agesen 2006; only the exit is re-priced here, not the rest "
                          "of that processor"
                        : "shadow page tables; the paper gives no figure for this workload"});
  rows.push_back({Row::Kind::Prediction,
                  "forkwait over native, software (trap-and-emulate)",
                  "x",
                  {},
                  quotient(busy_of(r, "trap run=forkwait 40", "trap run=true"), native),
                  "what hardware has to beat"});
  rows.push_back({Row::Kind::Prediction,
                  "forkwait over native, EPT, exits as on Sandy Bridge",
                  "x",
                  {},
                  quotient(repriced(r, "ept", 784), native),
                  "the exits are gone, not cheap"});
  return rows;
}

}  // namespace

const Paper kAgesen2012{"agesen-2012",
                        "O. Agesen, J. Mattson, R. Rugina, J. Sheldon: Software Techniques for Avoiding "
                        "Hardware Virtualization Exits. "
                        "USENIX ATC 2012",
                        "forkwait under VT-x without EPT, run once and re-priced with the exit latency of "
                        "seven processors; beside it "
                        "trap-and-emulate, and EPT.",
                        jobs, rows};

}  // namespace ringside::papers
