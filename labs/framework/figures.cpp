#include "labs/framework/figures.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::labs {

Figures& Figures::expect(std::string key, u64 value) {
  expected_.emplace_back(std::move(key), value);
  return *this;
}

void Figures::otherwise(std::string hint, std::function<bool(u64)> is) {
  mistakes_.emplace_back(std::move(hint), std::move(is));
}

void Figures::settle(Check& check, std::string_view step, std::string_view general) const {
  std::string wrong, missing;
  std::string_view hint;
  unsigned right = 0;
  for (const auto& [key, value] : expected_) {
    const auto it = given_.find(key);
    const auto seen = it == given_.end() ? std::nullopt : number(it->second);
    if (seen == value) {
      ++right;
    } else if (!seen) {
      missing += (missing.empty() ? "" : ", ") + key;
    } else {
      wrong += fmt::format("{}{} is not {}", wrong.empty() ? "" : ", ", key, *seen);
      for (const auto& [name, is] : mistakes_)
        if (hint.empty() && is(*seen)) hint = name;
    }
  }
  if (right == expected_.size()) return check.pass(step);
  if (wrong.empty()) general = {};  // nothing was said, so there is no mistake to name
  if (!missing.empty()) wrong += (wrong.empty() ? "" : "; ") + ("no figure for " + missing);
  const unsigned points = check.lab.step(step)->points * right / static_cast<unsigned>(expected_.size());
  check.partly(step, points, wrong, hint.empty() ? general : hint);
}

namespace {
bool less_busy(const RunReport* a, const RunReport* b) { return a->busy() < b->busy(); }
}  // namespace

std::string cheapest(std::initializer_list<const RunReport*> runs) {
  return std::string(name((*std::min_element(runs.begin(), runs.end(), less_busy))->mode));
}
std::string dearest(std::initializer_list<const RunReport*> runs) {
  return std::string(name((*std::max_element(runs.begin(), runs.end(), less_busy))->mode));
}

}  // namespace ringside::labs
