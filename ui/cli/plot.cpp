#include "ui/cli/plot.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "cpu/host_error.h"

namespace ringside::cli {
namespace {

/// Text for gnuplot, between single quotes: no quote, no line end, no markup.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text)
    if (c == '\'')
      out += "''";
    else if (c >= ' ')
      out += c;
  return out + "'";
}

}  // namespace

void plot_bars(const std::string& path, const std::string& title, const std::vector<std::string>& series,
               const std::vector<Bars>& bars) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending != ".svg" && ending != ".png")
    throw HostError(fmt::format("--plot {}: give a file name that ends in .svg or .png", path));
  if (bars.empty()) throw HostError(fmt::format("--plot {}: there is nothing to draw", path));

  const std::size_t width = 260 + 46 * bars.size();
  std::string script =
      ending == ".svg"
          ? fmt::format("set terminal svg size {},620 background 'white' noenhanced\n", width)
          : fmt::format("set terminal pngcairo size {},620 background 'white' noenhanced\n", width);
  script += fmt::format(
      "set output {}\nset title {}\nset style data histograms\nset style histogram clustered gap 1\n"
      "set style fill solid 0.85 border -1\nset logscale y\nset grid y\nset key outside top right\n"
      "set xtics rotate by -55 left noenhanced\nset bmargin 18\nset boxwidth 0.9\n$data << EOD\n",
      quoted(path), quoted(title));
  for (const Bars& group : bars) {
    std::string label;
    for (const char c : group.label)
      if (c >= ' ' && c != '"' && c != '\\') label += c;
    script += fmt::format("\"{}\"", label);
    for (const double value : group.values) script += fmt::format(" {:.9g}", value);
    script += '\n';
  }
  script += "EOD\nplot";
  for (std::size_t i = 0; i < series.size(); ++i)
    script += fmt::format("{} $data using {}:xtic(1) title {}", i ? "," : "", i + 2, quoted(series[i]));
  script += '\n';

  std::FILE* gnuplot = popen("gnuplot 2>/dev/null", "w");
  if (!gnuplot) throw HostError("gnuplot cannot be started");
  const auto old = std::signal(SIGPIPE, SIG_IGN);  // a gnuplot that is not there reads nothing
  std::fwrite(script.data(), 1, script.size(), gnuplot);
  const int status = pclose(gnuplot);
  std::signal(SIGPIPE, old);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw HostError("--plot takes gnuplot, which is not installed; install the package gnuplot-nox");
  if (status != 0 || !std::filesystem::exists(path))
    throw HostError(fmt::format("--plot {}: gnuplot could not write it", path));
}

}  // namespace ringside::cli
