// What the output goes to: how wide it is, and whether it may be coloured.
#pragma once

#include <string>
#include <string_view>

namespace ringside::cli {

/// Colours of the Okabe-Ito palette, as far as a terminal has them; never the only carrier of a meaning.
enum class Colour { Plain, Bold, Dim, Good, Bad, Warning, Heading };

struct Style {
  bool colour = false;
  unsigned width = 100;  ///< columns, 60 to 200

  std::string paint(Colour, std::string_view text) const;
  /// `text` on the background that stands for attribution bucket number `index`.
  std::string paint_bucket(unsigned index, std::string_view text) const;
};

/// For standard output: coloured only on a terminal, never with NO_COLOR set or TERM=dumb; as wide as the
/// terminal.
Style output_style();
/// Somebody watches standard error: progress may be shown there.
bool error_is_terminal();

/// Breaks text into lines of at most `width` columns; the first one begins at column `start`, the others at
/// `indent`.
std::string wrap(std::string_view text, unsigned width, unsigned indent, unsigned start = 0);
/// 1234567 -> "1,234,567"
std::string grouped(unsigned long long n);

}  // namespace ringside::cli
