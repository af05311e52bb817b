// Figures that a student has written down, against those of the run.
#pragma once

#include "hypervisor/accounting/run_report.h"
#include "labs/framework/check.h"

namespace ringside::labs {

class Figures {
 public:
  explicit Figures(const std::map<std::string, std::string>& given) : given_(given) {}

  Figures& expect(std::string key, u64 value);
  /// The hint for a wrong value that `is` recognises.
  void otherwise(std::string hint, std::function<bool(u64)> is);
  /// All points if every figure is right, their share if some are; the hint is the first that fits, else
  /// `general`.
  void settle(Check& check, std::string_view step, std::string_view general) const;

 private:
  const std::map<std::string, std::string>& given_;
  std::vector<std::pair<std::string, u64>> expected_;
  std::vector<std::pair<std::string, std::function<bool(u64)>>> mistakes_;
};

/// The mode with the fewest, and the most, busy cycles.
std::string cheapest(std::initializer_list<const RunReport*> runs);
std::string dearest(std::initializer_list<const RunReport*> runs);

}  // namespace ringside::labs
