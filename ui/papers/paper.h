// Published results beside ours: each paper is a list of runs, and a way to read its rows off them.
//
// A row is a *prediction* if nothing in the price list was fitted to its figure: it comes out of counted
// events and of prices for other things. It *restates a price* if the figure, or one that it is computed
// from, is in the list: then agreement shows nothing but arithmetic. How ours differs from theirs, and why,
// is part of the row.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ui/cli/jobs.h"

namespace ringside::papers {

struct Row {
  enum class Kind : u8 { Prediction, Price } kind = Kind::Prediction;
  std::string what;
  std::string unit;                 ///< "cycles", "x", "references", ...
  std::optional<double> published;  ///< none: the paper gives no such figure
  std::optional<double> ours;       ///< none: this run could not tell
  std::string why;                  ///< where we are off, or what stands for what; may be empty

  std::optional<double> ratio() const;  ///< ours over published
};
std::string_view name(Row::Kind);

using Reports = std::map<std::string, RunReport>;

struct Paper {
  std::string_view name;  ///< "adams-agesen-2006"
  std::string_view citation;
  std::string_view summary;  ///< what the runs do, and what cannot be compared
  std::vector<cli::Job> (*jobs)();
  std::vector<Row> (*rows)(const Reports&);
};

std::span<const Paper> papers();
/// Throws HostError with a suggestion.
const Paper& find_paper(std::string_view name);

// -- for the papers' own files
/// A job that runs `command_line` in `guest` under the prices of `profile`.
cli::Job job(std::string key, std::string guest, Mode mode, std::string command_line,
             std::string_view profile);
/// Busy cycles of the run `with` less those of `without`: what one program costs. None if one did not end
/// well.
std::optional<double> busy_of(const Reports&, const std::string& with, const std::string& without);
std::optional<double> quotient(std::optional<double> a, std::optional<double> b);
/// The number after "NAME " at the start of a line of the run's console.
std::optional<double> printed(const Reports&, const std::string& run, std::string_view name);

extern const Paper kAdamsAgesen2006, kAgesen2012, kXen2003, kBhargava2008, kFelter2015, kSugerman2001;

}  // namespace ringside::papers
