#include "ui/cli/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "ui/cli/kvm_table.h"

namespace ringside::cli {
namespace {

constexpr std::size_t kBuckets = static_cast<std::size_t>(Bucket::kCount);
/// One letter per bucket, in the order of the enumeration.
constexpr std::string_view kBucketLetters = "gtdsmoi";
static_assert(kBucketLetters.size() == kBuckets);

std::string bucket_meaning(Bucket b) {
  switch (b) {
    case Bucket::Guest: return "guest instructions";
    case Bucket::Tlb: return "TLB misses";
    case Bucket::Delivery: return "delivery of exceptions and calls by the processor";
    case Bucket::Switches: return "switches between guest and monitor";
    case Bucket::Monitor: return "monitor work";
    case Bucket::Devices: return "devices, other I/O work";
    default: return "idle";
  }
}

std::string milliseconds(u64 cycles, const CostProfile& profile) {
  return fmt::format("{:.2f} ms", static_cast<double>(cycles) * 1e3 / static_cast<double>(profile.hz));
}

double percent(u64 part, u64 whole) {
  return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string status_text(const RunReport& r, const Style& style) {
  switch (r.status) {
    case RunReport::Status::Ok: return style.paint(Colour::Good, "ok");
    case RunReport::Status::Unavailable: return style.paint(Colour::Warning, "unavailable");
    case RunReport::Status::Failed: return style.paint(Colour::Bad, "failed");
  }
  return {};
}

/// A real processor does not count the guest's instructions for us.
std::string instructions_of(const RunReport& r) {
  return r.mode == Mode::Kvm ? "exits as modelled" : grouped(r.instructions) + " instructions";
}

std::string exit_table(const RunReport& r, const Style& style) {
  if (r.exits.empty()) return "  No exits: nothing stands between this guest and the machine.\n";
  std::string out =
      style.paint(Colour::Bold, fmt::format("  {:<18} {:>12} {:>9} {:>8} {:>9} {:>9} {:>9}", "VM-EXIT",
                                            "Samples", "Samples%", "Time%", "Min", "Max", "Avg"));
  out += '\n';
  const u64 samples = r.exit_samples(), cycles = r.exit_cycles();
  for (const ExitStatistics& e : r.exits)
    out += fmt::format("  {:<18} {:>12} {:>8.2f}% {:>7.2f}% {:>9} {:>9} {:>9}\n", info(e.reason).name,
                       grouped(e.samples), percent(e.samples, samples), percent(e.cycles, cycles), e.min,
                       e.max, e.cycles / std::max<u64>(1, e.samples));
  out += fmt::format("  {:<18} {:>12}  in {} cycles; Min, Max and Avg in cycles\n", "total", grouped(samples),
                     grouped(cycles));
  return out;
}

std::string network_lines(const RunReport& r) {
  const RunReport::Network& n = *r.network;
  const auto each = [&](u64 exits) {
    return static_cast<double>(exits) / static_cast<double>(std::max<u64>(1, n.packets()));
  };
  std::string out = fmt::format("  network: {} packets sent, {} received, {} lost; {:.2f} exits for each",
                                grouped(n.card.sent), grouped(n.card.received), grouped(n.card.dropped),
                                each(r.exit_samples()));
  out += fmt::format(", {:.2f} of them of devices\n", each(r.exit_samples(ExitTopic::Devices)));
  if (n.translated)
    out += fmt::format("  address translator: {} packets at {} cycles, {} dropped\n", grouped(n.translated),
                       grouped((*r.profile)[CostEvent::NatTranslation]), grouped(n.untranslatable));
  if (n.peer)
    out += fmt::format("  the machine at the other end ({}): {} exits, {} busy cycles; it said\n    {}\n",
                       name(n.peer->mode), grouped(n.peer->exit_samples()), grouped(n.peer->busy()),
                       printable(n.peer->console.substr(0, n.peer->console.find('\n'))));
  return out;
}

}  // namespace

std::string_view describe(Mode mode) {
  switch (mode) {
    case Mode::Native: return "bare metal: the guest owns the machine";
    case Mode::Trap: return "trap-and-emulate: kernel in ring 1, shadow page tables";
    case Mode::Para: return "paravirtual: kernel in ring 1, hypercalls, direct page tables";
    case Mode::Hvm: return "hardware assistance: simulated VT-x, nested page tables";
    case Mode::Kvm: return "hardware assistance: the /dev/kvm of this host";
  }
  return "";
}

std::string run_table(const RunReport& r, const Style& style) {
  std::string out = style.paint(Colour::Heading, fmt::format("{:<7}", name(r.mode))) +
                    fmt::format(" {}  [", describe(r.mode)) + status_text(r, style) + "]\n";
  if (!r.reason.empty()) out += "  " + wrap(printable(r.reason), style.width, 2, 2) + "\n";
  if (r.status == RunReport::Status::Unavailable) return out;
  out += fmt::format("  {}, {} cycles = {}, {} of them idle\n", instructions_of(r), grouped(r.cycles.total()),
                     milliseconds(r.cycles.total(), *r.profile),
                     milliseconds(r.cycles[Bucket::Idle], *r.profile));
  out += exit_table(r, style);
  if (r.network) out += network_lines(r);
  if (r.measured.kvm) return out + kvm_table(*r.measured.kvm, r.measured.wall_s, style);
  out +=
      style.paint(Colour::Dim, fmt::format("  measured on this host: {:.3f} s, {:.0f} million instructions/s",
                                           r.measured.wall_s, r.measured.mips));
  return out + "\n";
}

std::string comparison_table(const std::vector<RunReport>& reports, const Style& style) {
  std::string out = style.paint(Colour::Bold, fmt::format("{:<24}", "Comparison"));
  for (const RunReport& r : reports) out += style.paint(Colour::Heading, fmt::format("{:>15}", name(r.mode)));
  out += '\n';
  const auto row = [&](std::string_view title, auto&& cell) {
    out += fmt::format("  {:<22}", title);
    for (const RunReport& r : reports)
      out += fmt::format("{:>15}", r.status == RunReport::Status::Unavailable ? std::string("-") : cell(r));
    out += '\n';
  };
  out += fmt::format("  {:<22}", "status");
  for (const RunReport& r : reports) {
    const std::size_t length = name(r.status).size();
    out += std::string(length < 15 ? 15 - length : 1, ' ') + status_text(r, style);
  }
  out += '\n';
  row("guest instructions",
      [](const RunReport& r) { return r.mode == Mode::Kvm ? "not counted" : grouped(r.instructions); });
  row("exits", [](const RunReport& r) { return grouped(r.exit_samples()); });
  for (std::size_t t = 0; t < static_cast<std::size_t>(ExitTopic::kCount); ++t) {
    const auto topic = static_cast<ExitTopic>(t);
    if (std::none_of(reports.begin(), reports.end(),
                     [&](const RunReport& r) { return r.exit_samples(topic); }))
      continue;
    row(fmt::format("  {}", name(topic)), [&](const RunReport& r) { return grouped(r.exit_samples(topic)); });
  }
  const bool network =
      std::any_of(reports.begin(), reports.end(), [](const RunReport& r) { return r.network.has_value(); });
  if (network)
    row("packets",
        [](const RunReport& r) { return r.network ? grouped(r.network->packets()) : std::string("-"); });
  row("TLB misses", [](const RunReport& r) { return grouped(r.walks.tlb_misses); });
  row("  walk references", [](const RunReport& r) { return grouped(r.walks.references); });
  row("total cycles", [](const RunReport& r) { return grouped(r.cycles.total()); });
  row("idle cycles", [](const RunReport& r) { return grouped(r.cycles[Bucket::Idle]); });
  row("busy cycles", [](const RunReport& r) { return grouped(r.busy()); });
  row("overhead", [](const RunReport& r) {
    return r.overhead ? fmt::format("{:.2f} x", *r.overhead) : std::string("-");
  });
  return out;
}

std::string cost_bars(const std::vector<RunReport>& reports, const Style& style) {
  u64 longest = 0;
  for (const RunReport& r : reports)
    if (r.status != RunReport::Status::Unavailable) longest = std::max(longest, r.busy());
  if (!longest) return {};
  const unsigned columns = style.width - 22;
  std::array<bool, kBuckets> used{};
  std::string out = style.paint(Colour::Bold, "Where the busy cycles go") + " (one scale)\n";
  for (const RunReport& r : reports) {
    if (r.status == RunReport::Status::Unavailable) continue;
    out += fmt::format("  {:<7}|", name(r.mode));
    // Each bucket ends where the cumulated cycles end, so that rounding does not add up.
    u64 cumulated = 0;
    unsigned drawn = 0;
    for (std::size_t b = 0; b < kBuckets; ++b) {
      if (static_cast<Bucket>(b) == Bucket::Idle) continue;
      cumulated += r.cycles.cycles[b];
      const auto end = static_cast<unsigned>(
          static_cast<double>(cumulated) / static_cast<double>(longest) * columns + 0.5);
      if (end > drawn) {
        used[b] = true;
        out += style.paint_bucket(static_cast<unsigned>(b), std::string(end - drawn, kBucketLetters[b]));
        drawn = end;
      }
    }
    out += r.overhead ? fmt::format("| {:.2f} x\n", *r.overhead) : std::string("|\n");
  }
  std::string legend;
  for (std::size_t b = 0; b < kBuckets; ++b)
    if (used[b])
      legend += fmt::format("{} = {}, ", kBucketLetters[b], bucket_meaning(static_cast<Bucket>(b)));
  legend.resize(legend.size() - 2);
  return out + "  " + wrap(legend, style.width, 2, 2) + "\n";
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') continue;
    if (c == '\n' || c == '\t' || (byte >= 0x20 && byte < 0x7F))
      out += c;
    else
      out += fmt::format("\\x{:02x}", byte);
  }
  return out;
}

std::string console_verdict(const std::vector<RunReport>& reports) {
  const RunReport* first = nullptr;
  std::vector<std::string> same;
  for (const RunReport& r : reports) {
    if (r.status == RunReport::Status::Unavailable) continue;
    if (!first) first = &r;
    if (r.console == first->console) {
      same.emplace_back(name(r.mode));
      continue;
    }
    const auto [a, b] =
        std::mismatch(first->console.begin(), first->console.end(), r.console.begin(), r.console.end());
    const auto line = std::count(first->console.begin(), a, '\n') + 1;
    const auto line_at = [](const std::string& text, auto at) {
      const auto position = static_cast<std::size_t>(at - text.begin());
      const std::size_t begin = position ? text.rfind('\n', position - 1) + 1 : 0;
      return printable(
          std::string_view(text).substr(begin, std::min<std::size_t>(80, text.find('\n', begin) - begin)));
    };
    return fmt::format("Console text: {} differs from {} at line {}:\n  {:<7}|{}\n  {:<7}|{}\n", name(r.mode),
                       name(first->mode), line, name(first->mode), line_at(first->console, a), name(r.mode),
                       line_at(r.console, b));
  }
  if (!first) return {};
  const auto lines = std::count(first->console.begin(), first->console.end(), '\n');
  if (same.size() == 1) return fmt::format("Console text: {} lines.\n", lines);
  return fmt::format("Console text: the same {} lines in {}.\n", lines, fmt::join(same, ", "));
}

std::string footnotes(const std::vector<RunReport>& reports, const Style& style) {
  std::string out;
  if (std::any_of(reports.begin(), reports.end(), [](const RunReport& r) { return r.overhead.has_value(); }))
    out += wrap(
               "Overhead: busy cycles (total less idle) over those of native. Idle time is left out, because "
               "a guest "
               "that waits for a timer waits as long in every mode.",
               style.width, 0) +
           "\n";
  out +=
      wrap(
          "Instructions, cycles and exits are modelled and the same on every host; what is called measured "
          "is this "
          "host's time. Prices and their sources: ringside profiles. What an exit is: ringside explain NAME.",
          style.width, 0) +
      "\n";
  return style.colour ? style.paint(Colour::Dim, out) : out;
}

}  // namespace ringside::cli
