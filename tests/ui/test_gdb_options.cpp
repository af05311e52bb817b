// `ringside run -gdb` runs the same machine as `ringside run`: every option counts.
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/catch.h"
#include "tests/ui/gdb_client.h"
#include "tests/ui/run_program.h"

using namespace ringside;
using namespace ringside::test;
using Json = nlohmann::ordered_json;

namespace {

/// The port that a server has written into this file; 0 if it never does.
u16 port_in(const std::filesystem::path& file) {
  constexpr std::string_view kMark = "localhost:";
  for (int i = 0; i < 600; ++i) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(kMark);
    if (at != std::string::npos && text.back() == '\n')
      return static_cast<u16>(std::stoi(text.substr(at + kMark.size())));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 0;
}

Json without_measured(const std::string& text) {
  Json json = Json::parse(text);
  json.erase("measured");
  return json;
}

/// Runs it with gdb in front: `packet` is gdb's only word.
ProgramResult run_debugged(const std::string& arguments, const std::string& packet) {
  const auto announced = scratch_folder() / "stderr";  // where run_program() puts it
  std::filesystem::remove(announced);
  auto program = std::async(std::launch::async, [&] { return run_program(arguments + " -gdb tcp::0"); });
  const u16 port = port_in(announced);
  if (port) {
    GdbClient client(port);
    client.ask(packet);
  }
  return program.get();
}

}  // namespace

TEST_CASE("With gdb in front the run is the same run, whatever machine was asked for") {
  const std::string guest = "run kernel -append run=forkwait --json ";
  const auto [mode, options] = GENERATE(
      table<std::string, std::string>({{"trap", "--shadow demand --cpu 486 -m 24"},
                                       {"hvm", "--ept-levels 2 --ept-pages large --tlb 64,4,8,tagged"},
                                       {"hvm", "--ept-levels 0 --walk-cache off"},
                                       {"native", "--io ring --profile pentium4-2006"}}));
  INFO(mode << ' ' << options);
  const std::string arguments = guest + "--mode " + mode + ' ' + options;
  const Json plain = without_measured(run_program(arguments).out);
  CHECK(plain != without_measured(run_program(guest + "--mode " + mode).out));  // they do change something
  const ProgramResult debugged = run_debugged(arguments, "c");
  CHECK(debugged.status == 0);
  CHECK(without_measured(debugged.out) == plain);
}

TEST_CASE("A processor that lacks the guest's instructions lacks them under gdb, too") {
  // bswap eax (486 and later); xor eax, eax; out f4h, al; hlt
  const std::string guest = scratch_file("bswap.bin", "\x0f\xc8\x31\xc0\xe6\xf4\xf4");
  CHECK(run_debugged("run " + guest + " --cpu 486", "c").status == 0);
  CHECK(run_debugged("run " + guest + " --cpu 386", "c").status == 3);  // #UD without a handler
}

TEST_CASE("After a detach the guest has its budget") {
  const std::string guest = scratch_file("endless.bin", "\xeb\xfe");
  const ProgramResult result = run_debugged("run " + guest + " --json --instructions 2M", "D");
  CHECK(result.status == 4);
  const Json report = Json::parse(result.out);
  CHECK(report["instructions"] == 2'000'000);
  CHECK(report["reason"].get<std::string>().find("budget") != std::string::npos);
}
