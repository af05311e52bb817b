#include "ui/papers/paper.h"

#include <array>
#include <charconv>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside::papers {

std::optional<double> Row::ratio() const {
  if (!ours || !published || *published == 0) return std::nullopt;
  return *ours / *published;
}

std::string_view name(Row::Kind kind) { return kind == Row::Kind::Prediction ? "prediction" : "price"; }

std::span<const Paper> papers() {
  static const std::array all{kAdamsAgesen2006, kAgesen2012, kXen2003,
                              kBhargava2008,    kFelter2015, kSugerman2001};
  return all;
}

const Paper& find_paper(std::string_view wanted) {
  std::vector<std::string_view> names;
  for (const Paper& paper : papers()) {
    if (paper.name == wanted) return paper;
    names.push_back(paper.name);
  }
  throw HostError(unknown_name("paper", wanted, names));
}

cli::Job job(std::string key, std::string guest, Mode mode, std::string command_line,
             std::string_view profile) {
  cli::Job job{std::move(key), std::move(guest), mode, {}, {}, {}};
  job.options.profile = &cost_profile(profile);
  job.options.command_line = std::move(command_line);
  job.options.limits.instructions = 4'000'000'000;
  return job;
}

std::optional<double> busy_of(const Reports& reports, const std::string& with, const std::string& without) {
  const RunReport &a = reports.at(with), &b = reports.at(without);
  if (a.status != RunReport::Status::Ok || b.status != RunReport::Status::Ok) return std::nullopt;
  return static_cast<double>(a.busy()) - static_cast<double>(b.busy());
}

std::optional<double> quotient(std::optional<double> a, std::optional<double> b) {
  if (!a || !b || *b == 0) return std::nullopt;
  return *a / *b;
}

std::optional<double> printed(const Reports& reports, const std::string& run, std::string_view name) {
  const std::string& text = reports.at(run).console;
  for (std::size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
    if (text.compare(at, name.size(), name) != 0 || text[at + name.size()] != ' ') continue;
    double value = 0;
    const char* const begin = text.data() + at + name.size() + 1;
    if (std::from_chars(begin, text.data() + text.size(), value).ec == std::errc{}) return value;
  }
  return std::nullopt;
}

}  // namespace ringside::papers
