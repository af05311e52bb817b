// `ringside paper`: a published table beside ours.
#include <fmt/format.h>

#include <cstdio>

#include "cpu/host_error.h"
#include "ui/cli/commands.h"
#include "ui/cli/jobs.h"
#include "ui/cli/plot.h"
#include "ui/cli/tables.h"
#include "ui/model/report_data.h"
#include "ui/papers/paper.h"

namespace ringside::cli {
namespace {

using papers::Row;

std::string number(const std::optional<double>& value) {
  if (!value) return "-";
  if (*value >= 10000) return grouped(static_cast<unsigned long long>(*value + 0.5));
  return *value == static_cast<u64>(*value) ? fmt::format("{:.0f}", *value)
         : *value >= 100                    ? fmt::format("{:.0f}", *value)
                                            : fmt::format("{:.2f}", *value);
}

Json json_number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::string csv_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

void print_json(const papers::Paper& paper, const std::vector<Row>& rows) {
  Json list = Json::array();
  for (const Row& row : rows)
    list.push_back({{"what", row.what},
                    {"unit", row.unit},
                    {"published", json_number(row.published)},
                    {"ours", json_number(row.ours)},
                    {"ratio", json_number(row.ratio())},
                    {"kind", papers::name(row.kind)},
                    {"why", row.why}});
  fmt::print("{}\n", dump(Json{{"schema", "ringside/paper/v1"},
                               {"paper", paper.name},
                               {"citation", paper.citation},
                               {"summary", paper.summary},
                               {"rows", std::move(list)}}));
}

void print_csv(const std::vector<Row>& rows) {
  fmt::print("what,unit,published,ours,ratio,kind,why\r\n");
  const auto field = [](const std::optional<double>& v) {
    return v ? fmt::format("{:.6g}", *v) : std::string();
  };
  for (const Row& row : rows)
    fmt::print("{},{},{},{},{},{},{}\r\n", csv_text(row.what), row.unit, field(row.published),
               field(row.ours), field(row.ratio()), papers::name(row.kind), csv_text(row.why));
}

void print_table(const papers::Paper& paper, const std::vector<Row>& rows) {
  const Style style = output_style();
  fmt::print("{}\n{}\n\n", wrap(std::string(paper.citation), style.width, 0, 2),
             wrap(std::string(paper.summary), style.width, 0, 0));
  fmt::print("{}\n", style.paint(Colour::Bold, fmt::format("{:<56} {:>10} {:>10} {:>6}  {:<10}", "",
                                                           "published", "ours", "ratio", "kind")));
  for (const Row& row : rows) {
    const auto ratio = row.ratio();
    fmt::print("{:<56} {:>10} {:>10} {:>6}  {:<10}\n", fmt::format("{} ({})", row.what, row.unit),
               number(row.published), number(row.ours), ratio ? fmt::format("{:.2f}", *ratio) : "-",
               papers::name(row.kind));
    if (!row.why.empty())
      fmt::print("{}\n", style.paint(Colour::Dim, "    " + wrap(row.why, style.width, 4, 4)));
  }
  fmt::print(
      "\nA prediction comes out of counted events and of prices for other things; a price restates what the "
      "cost "
      "profile\nwas given. Ours is modelled and the same on every host.\n");
}

}  // namespace

int paper_command(const PaperCommand& given) {
  if (given.name.empty()) {
    for (const papers::Paper& paper : papers::papers())
      fmt::print("{:<20} {}\n", paper.name, wrap(std::string(paper.citation), output_style().width, 21, 21));
    return 0;
  }
  const papers::Paper& paper = papers::find_paper(given.name);
  const papers::Reports reports = run_jobs(paper.jobs(), given.jobs, error_is_terminal());
  for (const auto& [key, report] : reports)
    if (report.status != RunReport::Status::Ok)
      fmt::print(stderr, "ringside: the run '{}' did not end well: {}\n", key, printable(report.reason));
  const std::vector<Row> rows = paper.rows(reports);
  if (!given.plot.empty()) {
    std::vector<Bars> bars;
    for (const Row& row : rows)
      if (row.published && row.ours) bars.push_back({row.what, {*row.published, *row.ours}});
    plot_bars(given.plot, std::string(paper.name), {"published", "ours"}, bars);
  }
  if (given.json)
    print_json(paper, rows);
  else if (given.csv)
    print_csv(rows);
  else
    print_table(paper, rows);
  return 0;
}

}  // namespace ringside::cli
