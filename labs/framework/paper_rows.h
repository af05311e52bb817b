// Rows of `ringside paper` for the lab that reproduces one. The papers belong to the program, which stands
// above the labs: it gives them in here before anything is checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::labs {

struct PaperRow {
  std::string what, unit;
  std::optional<double> published, ours;
  bool prediction = false;  ///< not computed from a price that is in the list
};

/// Runs the paper's guests.
using PaperSource = std::vector<PaperRow> (*)(std::string_view paper);

void set_paper_source(PaperSource);
/// Throws HostError if the program has given none.
std::vector<PaperRow> paper_rows(std::string_view paper);

}  // namespace ringside::labs
