// Bar charts as SVG or PNG files, drawn by gnuplot (package gnuplot-nox).
#pragma once

#include <string>
#include <vector>

namespace ringside::cli {

struct Bars {
  std::string label;
  std::vector<double> values;  ///< one for each series
};

/// Logarithmic, one group of bars a label. The file's ending says which format. Throws HostError: another
/// ending, nothing to draw, gnuplot missing or unable to write the file.
void plot_bars(const std::string& path, const std::string& title, const std::vector<std::string>& series,
               const std::vector<Bars>& bars);

}  // namespace ringside::cli
