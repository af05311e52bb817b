// The exit reasons: complete, distinct, explained.

#include "hypervisor/accounting/exit_reason.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "tests/catch.h"

using namespace ringside;

TEST_CASE("every exit reason has a name of its own and an explanation") {
  REQUIRE(exit_reasons().size() == static_cast<std::size_t>(ExitReason::kCount));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < exit_reasons().size(); ++i) {
    const ExitReasonInfo& row = exit_reasons()[i];
    INFO(row.name);
    CHECK(&info(static_cast<ExitReason>(i)) == &row);
    CHECK(names.insert(row.name).second);
    CHECK(row.name.size() <= 18);  // the first column of the exit table
    CHECK(std::all_of(row.name.begin(), row.name.end(), [](char c) {
      return std::isupper(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) ||
             c == '_';
    }));
    CHECK(row.what.size() > 20);
    CHECK(row.monitor_does.size() > 20);
    CHECK(!row.manual.empty());
    CHECK(!(row.why_trap.empty() && row.why_para.empty() && row.why_hvm.empty()));
    for (std::string_view sentence : {row.what, row.why_trap, row.why_para, row.why_hvm, row.monitor_does})
      if (!sentence.empty()) CHECK((sentence.back() == '.' || sentence.back() == ')'));
  }
}

TEST_CASE("page-table work has its own reasons per technique") {
  CHECK(info(ExitReason::ShadowPageFault).why_hvm.empty());
  CHECK(info(ExitReason::ShadowPageTableWrite).why_para.empty());
  CHECK(info(ExitReason::HypercallMmuUpdate).why_trap.empty());
  CHECK(info(ExitReason::EptViolation).why_trap.empty());
}
