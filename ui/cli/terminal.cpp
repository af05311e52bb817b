#include "ui/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ringside::cli {
namespace {

bool set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

unsigned terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
  if (const char* columns = std::getenv("COLUMNS")) return static_cast<unsigned>(std::atoi(columns));
  return 100;
}

}  // namespace

Style output_style() {
  const char* term = std::getenv("TERM");
  Style style;
  style.colour = isatty(STDOUT_FILENO) && !set("NO_COLOR") && term && std::string_view(term) != "dumb";
  style.width = std::clamp(terminal_width(), 60u, 200u);
  return style;
}

bool error_is_terminal() { return isatty(STDERR_FILENO); }

std::string Style::paint(Colour c, std::string_view text) const {
  static constexpr std::array<std::string_view, 7> kCodes{"", "1", "2", "32", "31", "33", "1;36"};
  if (!colour || c == Colour::Plain) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<std::size_t>(c)], text);
}

std::string Style::paint_bucket(unsigned index, std::string_view text) const {
  // Black on: bluish green, yellow, sky blue, orange, reddish purple, vermillion, grey.
  static constexpr std::array<unsigned, 7> kBackgrounds{36, 227, 117, 214, 176, 209, 250};
  if (!colour || text.empty()) return std::string(text);
  return fmt::format("\033[30;48;5;{}m{}\033[0m", kBackgrounds[index % kBackgrounds.size()], text);
}

std::string wrap(std::string_view text, unsigned width, unsigned indent, unsigned start) {
  std::string out;
  std::size_t column = start;
  bool fresh = true;  // no word on the current line yet
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!fresh && column + 1 + word.size() > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (!fresh) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    fresh = false;
  }
  return out;
}

std::string grouped(unsigned long long n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace ringside::cli
