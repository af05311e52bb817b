// `ringside sweep`: the same guest again and again with other figures on its command line.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"
#include "ui/cli/arguments.h"
#include "ui/cli/commands.h"
#include "ui/cli/jobs.h"
#include "ui/cli/tables.h"
#include "ui/model/report_data.h"

namespace ringside::cli {
namespace {

constexpr std::size_t kMostRuns = 10'000;

/// One point of the sweep: a value for each name, in the order of the options.
using Point = std::vector<std::string>;

std::vector<Point> product(const std::vector<Variation>& variations) {
  std::vector<Point> points{{}};
  for (const Variation& v : variations) {
    std::vector<Point> longer;
    for (const Point& point : points)
      for (const std::string& value : v.values) {
        longer.push_back(point);
        longer.back().push_back(value);
      }
    points = std::move(longer);
    if (points.size() > kMostRuns)
      throw HostError(fmt::format("sweep: more than {} runs; vary less", kMostRuns));
  }
  return points;
}

/// Options of ours that vary like the guest's own figures.
bool is_option(const std::string& name) { return name == "io" || name == "nat"; }

void set_option(RunOptions& options, const std::string& name, const std::string& value) {
  if (name == "io") options.io = parse_io(value);
  if (name == "nat") options.network.nat = parse_switch("nat", value);
}

/// The guest's command line: {NAME} in it is replaced; a name that it does not mention is put in front.
std::string command_line(std::string text, const std::vector<Variation>& variations, const Point& point) {
  for (std::size_t i = 0; i < variations.size(); ++i) {
    const std::string& name = variations[i].name;
    if (is_option(name)) continue;
    const std::string place = "{" + name + "}";
    const bool named = text.find(place) != std::string::npos;
    for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += point[i].size())
      text.replace(at, place.size(), point[i]);
    if (!named) text = fmt::format("{}={} {}", name, point[i], text);
  }
  return text;
}

u64 packets(const RunReport& r) { return r.network ? r.network->packets() : 0; }

struct Column {
  const char* name;
  u64 (*value)(const RunReport&);
};
constexpr Column kColumns[] = {
    {"instructions", [](const RunReport& r) { return r.instructions; }},
    {"exits", [](const RunReport& r) { return r.exit_samples(); }},
    {"device_exits", [](const RunReport& r) { return r.exit_samples(ExitTopic::Devices); }},
    {"busy_cycles", [](const RunReport& r) { return r.busy(); }},
    {"total_cycles", [](const RunReport& r) { return r.cycles.total(); }},
    {"microseconds",
     [](const RunReport& r) { return r.profile ? r.cycles.total() * 1'000'000 / r.profile->hz : 0; }},
    {"packets", packets},
};

struct Result {
  Point point;
  const RunReport* report;
};

void print_csv(const std::vector<Variation>& variations, const std::vector<Result>& results) {
  for (const Variation& v : variations) fmt::print("{},", v.name);
  fmt::print("mode,status");
  for (const Column& c : kColumns) fmt::print(",{}", c.name);
  fmt::print("\r\n");
  for (const Result& r : results) {
    for (const std::string& value : r.point) fmt::print("{},", value);
    fmt::print("{},{}", name(r.report->mode), name(r.report->status));
    const bool ran = r.report->status != RunReport::Status::Unavailable;
    for (const Column& c : kColumns) fmt::print(",{}", ran ? fmt::format("{}", c.value(*r.report)) : "");
    fmt::print("\r\n");
  }
}

void print_json(const std::string& guest, const std::vector<Variation>& variations,
                const std::vector<Result>& results) {
  Json rows = Json::array();
  for (const Result& r : results) {
    Json row = Json::object();
    for (std::size_t i = 0; i < variations.size(); ++i) row["point"][variations[i].name] = r.point[i];
    row["mode"] = name(r.report->mode);
    row["status"] = name(r.report->status);
    row["reason"] = r.report->reason;
    for (const Column& c : kColumns) row[c.name] = c.value(*r.report);
    rows.push_back(std::move(row));
  }
  fmt::print("{}\n",
             dump(Json{{"schema", "ringside/sweep/v1"}, {"guest", guest}, {"rows", std::move(rows)}}));
}

void print_table(const std::vector<Variation>& variations, const std::vector<Result>& results) {
  const Style style = output_style();
  const bool network =
      std::any_of(results.begin(), results.end(), [](const Result& r) { return packets(*r.report) > 0; });
  std::string head;
  for (const Variation& v : variations) head += fmt::format("{:>10} ", v.name);
  fmt::print(
      "{}\n",
      style.paint(Colour::Bold,
                  fmt::format("{}{:<8} {:>13} {:>10} {:>13} {:>15} {:>13}", head, "mode", "exits",
                              "of devices", "busy cycles", "total cycles", "microseconds")) +
          (network ? style.paint(Colour::Bold, fmt::format(" {:>9} {:>6}", "packets", "exits/")) : ""));
  for (const Result& r : results) {
    for (const std::string& value : r.point) fmt::print("{:>10} ", value);
    if (r.report->status != RunReport::Status::Ok) {
      fmt::print("{:<8} {}: {}\n", name(r.report->mode), name(r.report->status), printable(r.report->reason));
      continue;
    }
    fmt::print("{:<8} {:>13} {:>10} {:>13} {:>15} {:>13}", name(r.report->mode),
               grouped(kColumns[1].value(*r.report)), grouped(kColumns[2].value(*r.report)),
               grouped(kColumns[3].value(*r.report)), grouped(kColumns[4].value(*r.report)),
               grouped(kColumns[5].value(*r.report)));
    if (const u64 n = packets(*r.report))
      fmt::print(" {:>9} {:>6.2f}", grouped(n),
                 static_cast<double>(r.report->exit_samples()) / static_cast<double>(n));
    fmt::print("\n");
  }
}

}  // namespace

int sweep_command(const SweepCommand& given) {
  const std::vector<Mode> modes = parse_modes(given.modes);
  std::vector<Variation> variations;
  for (const std::string& text : given.vary) variations.push_back(parse_variation(text));
  const RunOptions options = options_of(given);

  std::vector<Job> jobs;
  std::vector<Result> results;
  for (const Point& point : product(variations))
    for (const Mode mode : modes) {
      Job job{fmt::format("{}", jobs.size()),
              given.kernel.empty() ? given.guest : given.kernel,
              mode,
              options,
              given.paravirtual_kernel,
              given.disk,
              given.initrd};
      job.options.command_line = command_line(given.append, variations, point);
      for (std::size_t i = 0; i < variations.size(); ++i)
        set_option(job.options, variations[i].name, point[i]);
      jobs.push_back(std::move(job));
      results.push_back({point, nullptr});
    }
  const auto reports = run_jobs(jobs, given.jobs, error_is_terminal());
  for (std::size_t i = 0; i < results.size(); ++i) results[i].report = &reports.at(jobs[i].key);

  if (given.csv)
    print_csv(variations, results);
  else if (given.json)
    print_json(given.guest, variations, results);
  else
    print_table(variations, results);
  const bool failed = std::any_of(results.begin(), results.end(), [](const Result& r) {
    return r.report->status == RunReport::Status::Failed;
  });
  return failed ? 1 : 0;
}

}  // namespace ringside::cli
