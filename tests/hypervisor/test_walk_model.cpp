// Bhargava's formula on tables that are really walked.
#include "hypervisor/accounting/walk_model.h"
#include "tests/catch.h"

using namespace ringside;

TEST_CASE("a walk in n and m levels makes (n+1)(m+1)-1 references: 8, 14, 19, 24", "[ept]") {
  for (u8 n : {u8{2}, u8{3}, u8{4}})
    for (u8 m : {u8{2}, u8{4}}) {
      INFO(unsigned{n} << " x " << unsigned{m});
      CHECK(two_dimensional_references(n, m) == (n + 1u) * (m + 1u) - 1);
    }
  CHECK(two_dimensional_references(2, 2) == 8);
  CHECK(two_dimensional_references(2, 4) == 14);
  CHECK(two_dimensional_references(3, 4) == 19);
  CHECK(two_dimensional_references(4, 4) == 24);
}
