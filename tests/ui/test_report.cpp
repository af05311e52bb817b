// Reports to text, JSON and CSV, from ledgers made by hand: no guest runs here.

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "ui/cli/tables.h"
#include "ui/model/report_data.h"

using namespace ringside;
using namespace ringside::cli;
using ringside::test::contains;

namespace {

RunReport fabricated(Mode mode) {
  Ledger ledger;
  const CostProfile& profile = default_cost_profile();
  ledger.count(CostEvent::Instruction, 1'000'000);
  ledger.count(CostEvent::WalkReferenceL2, 100);
  if (mode != Mode::Native) {
    for (int i = 0; i < 300; ++i) {
      ledger.begin_exit(i % 3 ? ExitReason::CrAccess : ExitReason::IoInstruction);
      ledger.count(CostEvent::VmExitEntry);
      ledger.count(CostEvent::Vmread, kVmreadsPerExit);
      if (i % 3 == 0) ledger.count(CostEvent::DeviceAccess);
      ledger.end_exit();
    }
  }
  ledger.idle(5'000'000);
  RunReport report;
  report.mode = mode;
  report.status = RunReport::Status::Ok;
  report.ending = Ending::Success;
  report.console = "one\ntwo\n";
  report.instructions = 1'000'000;
  report.profile = &profile;
  report.cycles = ledger.attribution(profile);
  report.exits = ledger.exits(profile);
  report.measured = {0.5, 2.0};
  return report;
}

std::vector<RunReport> compared() {
  std::vector<RunReport> reports{fabricated(Mode::Native), fabricated(Mode::Hvm),
                                 unavailable(Mode::Kvm, "no /dev/kvm, and \"commas\"")};
  compare_to(RunReport(reports[0]), reports);
  return reports;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

const std::vector<std::string> kRunKeys{"mode",   "status", "reason", "exit_code", "console", "instructions",
                                        "cycles", "exits",  "walks",  "overhead",  "measured"};
const Style kPlain{false, 100};

}  // namespace

TEST_CASE("ringside/compare/v1 has the fields of its schema, in order") {
  const Json json = compare_json("kernel", default_cost_profile(), compared());
  CHECK(keys(json) == std::vector<std::string>{"schema", "guest", "profile", "runs"});
  CHECK(json["schema"] == "ringside/compare/v1");
  CHECK(json["profile"] == "sandybridge-2012");
  REQUIRE(json["runs"].size() == 3);
  for (const Json& run : json["runs"]) {
    CHECK(keys(run) == kRunKeys);
    CHECK(keys(run["cycles"]) == std::vector<std::string>{"total", "guest", "tlb", "delivery", "switches",
                                                          "monitor", "devices", "idle"});
    CHECK(keys(run["measured"]) == std::vector<std::string>{"wall_s", "mips"});
    for (const Json& e : run["exits"])
      CHECK(keys(e) == std::vector<std::string>{"reason", "samples", "cycles", "min", "max"});
  }
  CHECK(json["runs"][0]["overhead"] == 1.0);
  CHECK(json["runs"][1]["overhead"] > 1.0);
  CHECK(json["runs"][1]["exit_code"] == 0);
  CHECK(json["runs"][2]["status"] == "unavailable");
  CHECK(json["runs"][2]["exit_code"].is_null());
  CHECK(json["runs"][2]["overhead"].is_null());
  u64 sum = 0;
  for (const char* bucket : {"guest", "tlb", "delivery", "switches", "monitor", "devices", "idle"})
    sum += json["runs"][1]["cycles"][bucket].get<u64>();
  CHECK(sum == json["runs"][1]["cycles"]["total"].get<u64>());
}

TEST_CASE("ringside/run/v1 is one such run") {
  const Json json = run_json("hello", fabricated(Mode::Hvm));
  std::vector<std::string> expected{"schema", "guest", "profile"};
  expected.insert(expected.end(), kRunKeys.begin(), kRunKeys.end());
  CHECK(keys(json) == expected);
  CHECK(json["schema"] == "ringside/run/v1");
}

TEST_CASE("a console that is no UTF-8 still gives valid JSON") {
  RunReport report = fabricated(Mode::Native);
  report.console = "\xFF\xC0\x00 \x1b[2J \xE2\x82";
  const std::string text = dump(run_json("x", report));
  CHECK_NOTHROW(Json::parse(text));
}

TEST_CASE("CSV has one line per mode, all of the same length, and quotes what needs it") {
  const std::string csv = compare_csv(compared());
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < csv.size();) {
    const std::size_t end = csv.find("\r\n", at);
    lines.push_back(csv.substr(at, end - at));
    at = end + 2;
  }
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0], contains("CR_ACCESS"));
  CHECK_THAT(lines[0], contains("IO_INSTRUCTION"));
  CHECK_THAT(lines[3], contains("\"no /dev/kvm, and \"\"commas\"\"\""));
  const auto commas = [](const std::string& line) {
    bool quoted = false;
    int n = 0;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) ++n;
    }
    return n;
  };
  for (const std::string& line : lines) CHECK(commas(line) == commas(lines[0]));
}

TEST_CASE("the exit table has the columns of perf kvm stat and its shares add up") {
  const std::string table = run_table(fabricated(Mode::Hvm), kPlain);
  for (const char* column : {"VM-EXIT", "Samples", "Samples%", "Time%", "Min", "Max", "Avg"})
    CHECK_THAT(table, contains(column));
  CHECK_THAT(table, contains("66.67%"));
  CHECK_THAT(table, contains("33.33%"));
  CHECK_THAT(table, contains("measured"));
  CHECK_THAT(run_table(unavailable(Mode::Kvm, "because"), kPlain), contains("because"));
}

TEST_CASE("bars are on one scale, fit the width and work without colour") {
  const std::vector<RunReport> reports = compared();
  for (unsigned width : {60u, 80u, 100u, 200u}) {
    const std::string bars = cost_bars(reports, Style{false, width});
    std::vector<std::size_t> lengths;
    for (std::size_t at = 0; at < bars.size();) {
      const std::size_t end = bars.find('\n', at);
      const std::string line = bars.substr(at, end - at);
      CHECK(line.size() <= width);
      if (const auto bar = line.find('|'); bar != std::string::npos)
        lengths.push_back(line.rfind('|') - bar - 1);
      at = end + 1;
    }
    REQUIRE(lengths.size() == 2);  // the unavailable mode has none
    CHECK(lengths[0] < lengths[1]);
    const double drawn = static_cast<double>(lengths[1]) / static_cast<double>(lengths[0]);
    const double real = static_cast<double>(reports[1].busy()) / static_cast<double>(reports[0].busy());
    CHECK(drawn == ringside::test::Approx(real).epsilon(0.05));
    CHECK(bars.find('\033') == std::string::npos);
    CHECK_THAT(bars, contains("g = guest instructions"));
    CHECK(cost_bars(reports, Style{true, width}).find('\033') != std::string::npos);
  }
}

TEST_CASE("the comparison shows where modes differ") {
  std::vector<RunReport> reports = compared();
  const std::string table = comparison_table(reports, kPlain);
  CHECK_THAT(table, contains("1.00 x"));
  CHECK_THAT(table, contains("page tables"));
  CHECK_THAT(table, contains("unavailable"));
  CHECK_THAT(console_verdict(reports), contains("the same 2 lines in native, hvm"));
  reports[1].console = "one\ntwi\n";
  CHECK_THAT(console_verdict(reports), contains("differs from native at line 2"));
  CHECK_THAT(console_verdict(reports), contains("|twi"));
  reports[1].console = "one\n";
  CHECK_THAT(console_verdict(reports), contains("at line"));
  reports[1].console.clear();
  CHECK_THAT(console_verdict(reports), contains("at line 1"));
}

TEST_CASE("guest output cannot drive the terminal") {
  CHECK(printable("a\x1b[2Jb\r\n\tc\x80") == "a\\x1b[2Jb\n\tc\\x80");
}

TEST_CASE("text is broken at the width") {
  CHECK(wrap("aa bb cc", 5, 2) == "aa bb\n  cc");
  CHECK(wrap("aa bb", 80, 0) == "aa bb");
  CHECK(wrap("aa bb", 6, 3, 3) == "aa\n   bb");
  CHECK(wrap("averylongword x", 5, 0) == "averylongword\nx");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1234567) == "1,234,567");
}

TEST_CASE("overhead leaves idle time out and needs a native run that ended well") {
  std::vector<RunReport> reports{fabricated(Mode::Native), fabricated(Mode::Hvm)};
  reports[1].cycles.cycles[static_cast<std::size_t>(Bucket::Idle)] *= 100;
  compare_to(RunReport(reports[0]), reports);
  REQUIRE(reports[1].overhead);
  CHECK(*reports[1].overhead < 2);
  reports[0].status = RunReport::Status::Failed;
  reports[1].overhead.reset();
  compare_to(RunReport(reports[0]), reports);
  CHECK(!reports[1].overhead);
}

TEST_CASE("a symbol is named only inside its function") {
  Image image;
  image.symbols = {{0x1000, 0x10, "first"}, {0x2000, 0, "label"}};
  CHECK(symbol_name(image, 0x0FFF).empty());
  CHECK(symbol_name(image, 0x1000) == "first");
  CHECK(symbol_name(image, 0x100F) == "first+0xf");
  CHECK(symbol_name(image, 0x1010).empty());
  CHECK(symbol_name(image, 0x2004) == "label+0x4");
  CHECK(symbol_name(image, 0x9000).empty());
}
