// The anatomy of an exit names the line of source that handled it: that line must be there and be such a
// line.
#include <fstream>
#include <map>

#include "tests/catch.h"
#include "ui/model/lane.h"
#include "ui/model/source_line.h"

using namespace ringside;

namespace {

std::string line_of(const std::string& place) {
  const std::size_t colon = place.rfind(':');
  std::ifstream in(std::string(RINGSIDE_SOURCE_DIR) + "/" + place.substr(0, colon));
  std::string line;
  for (int n = std::stoi(place.substr(colon + 1)); n > 0; --n)
    if (!std::getline(in, line)) return {};
  return line;
}

}  // namespace

TEST_CASE("Every exit of a run names the line of source that handled it") {
  const auto [mode, folder] =
      GENERATE(std::pair{Mode::Trap, "hypervisor/trap/"}, std::pair{Mode::Para, "hypervisor/para/"},
               std::pair{Mode::Hvm, "hypervisor/hvm/"});
  const GuestSource source = find_guest("kernel", {}, {});
  model::Lane lane(mode, source, {.machine = {.command_line = "run=echo lines"}});
  lane.seek(RINGSIDE_SANITIZED ? 600'000 : 4'000'000);
  std::map<std::string, std::string> places;
  for (const ExitRecord& e : *lane.recorder().events())
    places[model::source_line(e.handler)] = model::function_name(e.handler);
  CHECK(places.size() > 2);
  for (const auto& [place, function] : places) {
    INFO(name(mode) << ": " << place << " in " << function << ": " << line_of(place));
    CHECK(place.find(folder) == 0);
    CHECK_FALSE(function.empty());
    bool marked = false;
    for (const char* mark : {"handled_at(", "refine_exit(", "begin_exit(", "handle(ExitReason"})
      marked |= line_of(place).find(mark) != std::string::npos;
    CHECK(marked);
  }
}
