// Sugerman, Venkitachalam, Lim, "Virtualizing I/O Devices on VMware Workstation's Hosted Virtual Machine
// Monitor", USENIX 2001: what a packet costs whose card is emulated.
//
// The guest netio sends to a second one through an emulated LANCE, the card that they emulated, at a rate at
// which each packet is sent and acknowledged by itself. How many accesses to ports that takes is up to the
// card's registers and to the driver, and is counted. Then the same packets go the other ways to a card.
#include <fmt/format.h>

#include <algorithm>

#include "ui/papers/paper.h"

namespace ringside::papers {
namespace {

constexpr std::string_view kProfile = "pentium4-2006";  // the oldest there is; theirs: a 733 MHz Pentium III
constexpr double kMegahertz = 733, kTransmit = 31.63, kOutside = 30.65;
// Of 1444 bytes and less, so that a message of 64 KiB is some fifty packets: what acknowledges them is few.
constexpr const char *kMore = "load=bulk bs=65536 count=6", *kLess = "load=bulk bs=65536 count=2";

struct Way {
  const char* name;
  Mode mode;
  const char* io;
  const char* depth = " depth=1";
  u64 bits = 100'000'000;
};
constexpr Way kWays[] = {
    {"LANCE, trap-and-emulate", Mode::Trap, "pio"},
    {"LANCE, VT-x", Mode::Hvm, "pio"},
    {"LANCE, memory-mapped, VT-x", Mode::Hvm, "mmio"},
    {"ring, VT-x", Mode::Hvm, "ring"},
    {"ring, VT-x, 10 Gb/s", Mode::Hvm, "ring", " depth=4", 10'000'000'000},
    {"ring, polled, VT-x", Mode::Hvm, "poll"},
    {"ring, passed through, VT-x", Mode::Hvm, "passthrough"},
    {"ring, paravirtual", Mode::Para, "ring"},
};
constexpr const Way& kTheirs = kWays[0];

std::string key(const Way& way, bool more) { return fmt::format("{}, {}", way.name, more ? kMore : kLess); }

std::vector<cli::Job> jobs() {
  std::vector<cli::Job> jobs;
  for (const Way& way : kWays)
    for (const bool more : {true, false}) {
      jobs.push_back(
          job(key(way, more), "netio", way.mode, std::string(more ? kMore : kLess) + way.depth, kProfile));
      jobs.back().options.io = way.io;
      jobs.back().options.network.link.bits_per_second = way.bits;
    }
  return jobs;
}

/// What `count` counts, for each packet that the longer run sends beyond the shorter one.
template <class Count>
std::optional<double> each(const Reports& r, const Way& way, const Count& count) {
  const RunReport &more = r.at(key(way, true)), &less = r.at(key(way, false));
  if (more.status != RunReport::Status::Ok || less.status != RunReport::Status::Ok) return std::nullopt;
  return static_cast<double>(count(more) - count(less)) /
         static_cast<double>(more.network->card.sent - less.network->card.sent);
}

/// The dearest access to a port: the one that makes the card take a packet from its ring.
std::optional<double> transmitting_access(const Reports& r) {
  for (const ExitStatistics& row : r.at(key(kTheirs, true)).exits)
    if (row.reason == ExitReason::IoInstruction) return static_cast<double>(row.max);
  return std::nullopt;
}

std::vector<Row> rows(const Reports& r) {
  constexpr auto kPrediction = Row::Kind::Prediction, kPrice = Row::Kind::Price;
  const CostProfile& prices = cost_profile(kProfile);
  const double outside = prices[CostEvent::UserSpaceRoundTrip] + prices[CostEvent::DeviceAccess] +
                         prices[CostEvent::RingRequest];
  const auto accesses = [](const RunReport& report) {
    return report.exit_samples(ExitReason::IoInstruction);
  };
  const auto exits = [](const RunReport& report) { return report.exit_samples(); };
  const auto transmit = transmitting_access(r);
  std::vector<Row> rows;
  rows.push_back({kPrediction, "INs and OUTs for a packet sent", "", 12.0, each(r, kTheirs, accesses),
                  "theirs: the transmitting OUT and 11 others. Ours: two to transmit, six for the card's "
                  "interrupt, two at the interrupt controller, and what acknowledgements from the other end "
                  "add, one for 16 packets"});
  rows.push_back({kPrice, "the transmitting OUT", "cycles", kTransmit * kMegahertz, transmit,
                  "31.63 us at 733 MHz; our price of the way to the device process and back is that of an IN "
                  "five years later"});
  rows.push_back({kPrice, "share of it outside of the monitor: world switch, host", "x", kOutside / kTransmit,
                  quotient(outside, transmit),
                  "the rest of ours is the trap and the monitor's decoding, which their monitor did by "
                  "binary translation"});
  for (const Way& way : kWays)
    rows.push_back(
        {kPrediction, fmt::format("exits for a packet sent: {}", way.name), "", {}, each(r, way, exits), ""});
  rows.back().why = "not in the paper, all of these";
  return rows;
}

}  // namespace

const Paper kSugerman2001{
    "sugerman-2001",
    "J. Sugerman, G. Venkitachalam, B.-H. Lim: Virtualizing I/O Devices on VMware Workstation's "
    "Hosted Virtual Machine Monitor. USENIX 2001",
    "The guest netio sends packets to a second machine through an emulated LANCE at 100 Mb/s, then "
    "in the other ways; figures are for each packet sent, its interrupt included.",
    jobs, rows};

}  // namespace ringside::papers
