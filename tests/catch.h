// Catch2 as packaged: version 2 on Debian 12, version 3 on Debian 13 and Ubuntu 24.04. Tests use what both
// have.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define RINGSIDE_CATCH_MAJOR 3
#else
#include <catch2/catch.hpp>
#define RINGSIDE_CATCH_MAJOR 2
#endif

#include <string>

namespace ringside::test {

/// For REQUIRE_THAT(text, contains("...")): the matcher has a different name in each version.
#if RINGSIDE_CATCH_MAJOR == 3
inline auto contains(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }
using Catch::Approx;
#else
inline auto contains(const std::string& part) { return Catch::Matchers::Contains(part); }
using ::Approx;
#endif

}  // namespace ringside::test

/// Ends the test case and makes ctest list it under "did not run": for an oracle or a file that this host
/// lacks.
#define RINGSIDE_SKIP(why)       \
  do {                           \
    WARN("[SKIPPED] " << (why)); \
    return;                      \
  } while (false)
