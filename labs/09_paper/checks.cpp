// Lab 09: rows of a paper beside ours, and the reason for the difference, in counted events.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "labs/framework/check.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/paper_rows.h"

namespace ringside::labs::lab09 {
namespace {

constexpr std::string_view kPapers[] = {"adams-agesen-2006", "xen-2003"};
constexpr std::string_view kKindsPaper = "adams-agesen-2006";
constexpr const char* kProfile = "pentium4-2006";
constexpr double kPublishedForkwait = 106.4 / 6.02;  ///< Adams & Agesen 2006, VT-x over native
constexpr u64 kMoreForks = 20;

/// Exit and entry by processor: Agesen et al. 2012, table 1.
struct Processor {
  const char* name;
  u64 exit;
};
constexpr Processor kProcessors[] = {{"Merom", 1579}, {"Penryn", 1266}, {"Nehalem", 1009}, {"Westmere", 761}};

// ---- what is the student's own

std::string_view paper(const Check& c) { return kPapers[c.seeded("paper", 0, std::size(kPapers) - 1)]; }
u64 forks(const Check& c) { return c.seeded("forks", 5, 30); }
const Processor& processor(const Check& c) {
  return kProcessors[c.seeded("processor", 0, std::size(kProcessors) - 1)];
}

/// Rows that say something: both figures there, and apart.
std::vector<PaperRow> telling(std::vector<PaperRow> rows) {
  std::erase_if(rows, [](const PaperRow& r) {
    return !r.prediction || !r.published || !r.ours || *r.published <= 0 || *r.ours < 0.01 ||
           std::abs(*r.ours / *r.published - 1) < 0.1;
  });
  return rows;
}

struct Rows {
  PaperRow a, b;
  std::vector<PaperRow> kinds;  ///< three, at least one of them a price
};

Rows rows_of(const Check& c) {
  const std::vector<PaperRow> all = paper_rows(paper(c)), telling_rows = telling(all);
  const u64 a = c.seeded("row a", 0, telling_rows.size() - 1);
  const u64 b = (a + c.seeded("row b", 1, telling_rows.size() - 1)) % telling_rows.size();
  Rows rows{telling_rows[a], telling_rows[b], {}};
  std::vector<PaperRow> prices, predictions;
  for (const PaperRow& row : paper(c) == kKindsPaper ? all : paper_rows(kKindsPaper))
    (row.prediction ? predictions : prices).push_back(row);
  rows.kinds = {prices[c.seeded("price", 0, prices.size() - 1)],
                predictions[c.seeded("prediction", 0, predictions.size() - 1)],
                prices[c.seeded("another price", 0, prices.size() - 1)]};
  std::rotate(rows.kinds.begin(), rows.kinds.begin() + static_cast<long>(c.seeded("order", 0, 2)),
              rows.kinds.end());
  return rows;
}

/// What one fork and wait is, natively and under VT-x with shadow page tables.
struct Fork {
  double native, hvm, exits;              ///< busy cycles, busy cycles, exits
  double hvm_with_boot, exits_with_boot;  ///< what comes out of one run alone
  double hvm_total;                       ///< idle cycles left in

  double added_per_exit() const { return (hvm - native) / exits; }
  double repriced(double exit) const {
    return hvm + exits * (exit - static_cast<double>(cost_profile(kProfile)[CostEvent::VmExitEntry]));
  }
};

Fork measure(const Check& c) {
  const auto run = [&](Mode mode, u64 n) {
    return run_guest({.command_line = fmt::format("run=forkwait {}", n),
                      .mode = mode,
                      .profile = &cost_profile(kProfile),
                      .ept_levels = 0});
  };
  const u64 n = forks(c);
  const RunReport native = run(Mode::Native, n), hvm = run(Mode::Hvm, n),
                  native_more = run(Mode::Native, n + kMoreForks), hvm_more = run(Mode::Hvm, n + kMoreForks);
  const auto per_fork = [](u64 more, u64 less) {
    return (static_cast<double>(more) - static_cast<double>(less)) / static_cast<double>(kMoreForks);
  };
  const double count = static_cast<double>(n);
  return {per_fork(native_more.busy(), native.busy()),
          per_fork(hvm_more.busy(), hvm.busy()),
          per_fork(hvm_more.exit_samples(), hvm.exit_samples()),
          static_cast<double>(hvm.busy()) / count,
          static_cast<double>(hvm.exit_samples()) / count,
          per_fork(hvm_more.cycles.total(), hvm.cycles.total())};
}

double exits_needed(const Fork& f) { return (kPublishedForkwait - 1) * f.native / f.added_per_exit(); }

// ---- reading what was handed in

std::optional<double> decimal(std::string text) {
  std::erase_if(text, [](char c) { return c == ',' || c == ' ' || c == '_' || c == '\''; });
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool close(double seen, double expected, double tolerance) {
  return std::abs(seen - expected) <= std::max(0.006, std::abs(expected) * tolerance);
}

struct Wanted {
  std::string key;
  double value, tolerance;
  std::vector<std::pair<const char*, double>> mistakes;  ///< hint, and the figure that shows it
};

/// A share of the points for each right figure; the hint of the first recognised mistake, else `general`.
void settle(Check& c, const char* step, const std::vector<Wanted>& wanted, const char* general) {
  const auto given = parse_answers(c.work.text("answers.txt"));
  unsigned right = 0;
  std::string reason, hint;
  for (const Wanted& w : wanted) {
    const auto it = given.find(w.key);
    const auto seen = it == given.end() ? std::nullopt : decimal(it->second);
    if (seen && close(*seen, w.value, w.tolerance)) {
      ++right;
      continue;
    }
    reason += fmt::format("{}{}", reason.empty() ? "" : ", ",
                          seen ? fmt::format("{} is not {:g}", w.key, *seen) : "no figure for " + w.key);
    for (const auto& [name, value] : w.mistakes)
      if (seen && hint.empty() && close(*seen, value, w.tolerance)) hint = name;
  }
  if (right == wanted.size()) return c.pass(step);
  c.partly(step, c.lab.step(step)->points * right / static_cast<unsigned>(wanted.size()), reason,
           hint.empty() ? general : hint);
}

std::string label(const PaperRow& row) { return fmt::format("\"{} ({})\"", row.what, row.unit); }
std::string kind(const PaperRow& row) { return row.prediction ? "prediction" : "price"; }
std::string text(double value) { return fmt::format("{:.6g}", value); }

}  // namespace

Answers answers(const Check& c) {
  const Rows rows = rows_of(c);
  const Fork f = measure(c);
  const double exit = static_cast<double>(processor(c).exit);
  Answers a;
  for (const auto& [name, row] : {std::pair{"a", &rows.a}, {"b", &rows.b}}) {
    a.push_back({fmt::format("row-{}-published", name), text(*row->published)});
    a.push_back({fmt::format("row-{}-ours", name), text(*row->ours)});
    a.push_back({fmt::format("row-{}-ratio", name), text(*row->ours / *row->published)});
    a.push_back({fmt::format("row-{}-inverted", name), text(*row->published / *row->ours)});
  }
  for (std::size_t i = 0; i < rows.kinds.size(); ++i)
    a.push_back({fmt::format("kind-{}", i + 1), kind(rows.kinds[i])});
  a.push_back({"native-per-fork", text(f.native)});
  a.push_back({"hvm-per-fork", text(f.hvm)});
  a.push_back({"exits-per-fork", text(f.exits)});
  a.push_back({"exits-with-boot", text(f.exits_with_boot)});
  a.push_back({"hvm-with-boot", text(f.hvm_with_boot)});
  a.push_back({"repriced-per-fork", text(f.repriced(exit))});
  a.push_back({"repriced-all",
               text(f.hvm * exit / static_cast<double>(cost_profile(kProfile)[CostEvent::VmExitEntry]))});
  a.push_back({"exits-needed", text(exits_needed(f))});
  a.push_back(
      {"exits-without-native", text(exits_needed(f) * kPublishedForkwait / (kPublishedForkwait - 1))});
  return a;
}

std::string assignment(const Check& c) {
  const Rows rows = rows_of(c);
  std::string kinds;
  for (std::size_t i = 0; i < rows.kinds.size(); ++i)
    kinds += fmt::format("  kind-{} is {} of ringside paper {}\n", i + 1, label(rows.kinds[i]), kKindsPaper);
  return fmt::format(
      "Your paper: ringside paper {}\n  row a is {}\n  row b is {}\n{}"
      "Your runs: ringside compare kernel --modes native,hvm --ept-levels 0 --profile {} -m 8 -append "
      "\"run=forkwait N\"\n"
      "  with N = {} and N = {}. Your other processor is {}: {} cycles for an exit and entry.",
      paper(c), label(rows.a), label(rows.b), kinds, kProfile, forks(c), forks(c) + kMoreForks,
      processor(c).name, processor(c).exit);
}

void checks(Check& c) {
  const Rows rows = rows_of(c);
  const Fork f = measure(c);
  std::vector<Wanted> figures, ratios;
  for (const auto& [name, row] : {std::pair{"a", &rows.a}, {"b", &rows.b}}) {
    figures.push_back(
        {fmt::format("row-{}-published", name), *row->published, 0.01, {{"swapped", *row->ours}}});
    figures.push_back({fmt::format("row-{}-ours", name), *row->ours, 0.01, {{"swapped", *row->published}}});
    ratios.push_back({fmt::format("row-{}-ratio", name),
                      *row->ours / *row->published,
                      0.03,
                      {{"inverted", *row->published / *row->ours}}});
  }
  settle(c, "rows", figures, "rows");
  settle(c, "ratios", ratios, "ratio");

  const auto given = parse_answers(c.work.text("answers.txt"));
  unsigned right = 0;
  std::string wrong;
  for (std::size_t i = 0; i < rows.kinds.size(); ++i) {
    const std::string key = fmt::format("kind-{}", i + 1);
    if (given.contains(key) && given.at(key) == kind(rows.kinds[i]))
      ++right;
    else
      wrong += (wrong.empty() ? "" : ", ") + key;
  }
  if (wrong.empty())
    c.pass("kinds");
  else
    c.partly("kinds", right * c.lab.step("kinds")->points / 3, "not so: " + wrong, "price");

  settle(c, "measure",
         {{"native-per-fork", f.native, 0.01, {}},
          {"hvm-per-fork", f.hvm, 0.01, {{"boot", f.hvm_with_boot}, {"idle", f.hvm_total}}},
          {"exits-per-fork", f.exits, 0.01, {{"boot", f.exits_with_boot}}}},
         "measure");
  const double exit = static_cast<double>(processor(c).exit),
               old = static_cast<double>(cost_profile(kProfile)[CostEvent::VmExitEntry]);
  settle(c, "reprice", {{"repriced-per-fork", f.repriced(exit), 0.02, {{"scales-all", f.hvm * exit / old}}}},
         "reprice");
  settle(c, "explain",
         {{"exits-needed",
           exits_needed(f),
           0.03,
           {{"forgot-native", exits_needed(f) * kPublishedForkwait / (kPublishedForkwait - 1)}}}},
         "explain");
}

}  // namespace ringside::labs::lab09
