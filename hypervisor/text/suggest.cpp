#include "hypervisor/text/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace ringside {
namespace {

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before.swap(row);
    row.swap(next);
  }
  return row.back();
}

}  // namespace

std::string unknown_name(std::string_view kind, std::string_view given,
                         std::span<const std::string_view> known) {
  constexpr std::size_t kLongestName =
      64;  // anything longer is no typing error, and would cost quadratic time
  std::string message = fmt::format("unknown {} '{}'.", kind, given.substr(0, kLongestName));
  if (given.size() <= kLongestName && !known.empty()) {
    const auto nearest = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
      return edit_distance(given, a) < edit_distance(given, b);
    });
    if (edit_distance(given, *nearest) <= std::max<std::size_t>(1, nearest->size() / 3))
      message += fmt::format(" Did you mean '{}'?", *nearest);
  }
  message += fmt::format(" Known: {}.", fmt::join(known, ", "));
  return message;
}

}  // namespace ringside
