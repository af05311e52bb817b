#include "cpu/host_error.h"
#include "hypervisor/accounting/run_report.h"
#include "hypervisor/boot/symbols.h"
#include "tests/catch.h"

using namespace ringside;

TEST_CASE("A System.map names addresses", "[symbols]") {
  Image image;
  image.symbols = parse_system_map(
      "c1000010 T second\n"
      "c1000000 T startup_32\n"
      "not a line\n"
      "c1000008 D data_is_no_function\n"
      "00000000 A absolute\n"
      "c1000020 t local\t[module]\n"
      "c100002");
  REQUIRE(image.symbols.size() == 3);
  CHECK(symbol_name(image, 0xC1000000) == "startup_32");
  CHECK(symbol_name(image, 0xC100000F) == "startup_32+0xf");
  CHECK(symbol_name(image, 0xC1000012) == "second+0x2");
  CHECK(symbol_name(image, 0xC1000020) == "local");
  CHECK(symbol_name(image, 0xC0FFFFFF).empty());
}

TEST_CASE("What names nothing is refused", "[symbols]") {
  Image image;
  CHECK_THROWS_WITH(load_symbols(image, "/nonexistent"), test::contains("cannot be read"));
  CHECK_THROWS_WITH(load_symbols(image, "/tmp"), test::contains("cannot be read"));
  CHECK(parse_system_map("").empty());
  CHECK(parse_system_map(std::string(1000, '\n')).empty());
}
