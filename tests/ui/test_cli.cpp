// The real program: bad input of every kind, exit statuses, JSON that repeats.

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "guests/builtin.h"
#include "hypervisor/accounting/exit_reason.h"
#include "tests/catch.h"
#include "tests/ui/run_program.h"

using namespace ringside;
using namespace ringside::test;
using Json = nlohmann::ordered_json;

namespace {

std::string hello_image() {
  const auto bytes = find_builtin_guest("hello")->image;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
void put(std::string& image, std::size_t offset, T value) {
  REQUIRE(offset + sizeof value <= image.size());
  std::memcpy(image.data() + offset, &value, sizeof value);
}
template <class T>
T get(const std::string& image, std::size_t offset) {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return value;
}

// Offsets in an ELF32 file header and in a program header.
constexpr std::size_t kPhOff = 28, kPhEntSize = 42, kPhNum = 44;
constexpr std::size_t kPOffset = 4, kPAddr = 12, kFileSize = 16, kMemorySize = 20;

/// The first PT_LOAD program header of hello.
std::size_t first_load(const std::string& image) {
  const auto table = get<std::uint32_t>(image, kPhOff);
  for (std::size_t i = 0; i < get<std::uint16_t>(image, kPhNum); ++i)
    if (get<std::uint32_t>(image, table + 32 * i) == 1) return table + 32 * i;
  FAIL("hello has no segment");
  return 0;
}

/// hello with `change` applied, as a file; its path.
std::string changed(const std::string& name, const std::function<void(std::string&)>& change) {
  std::string image = hello_image();
  change(image);
  return scratch_file(name, image);
}

/// One line on standard error that begins like an error of ours, nothing on standard output, status 2.
void check_refused(const std::string& arguments, const std::string& expected) {
  INFO("ringside " << arguments);
  const ProgramResult result = run_program(arguments);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(result.err.rfind("ringside: error: ", 0) == 0);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK((!result.err.empty() && result.err.back() == '\n'));
  CHECK_THAT(result.err, contains(expected));
}

void drop_measured(Json& run) {
  REQUIRE(run.contains("measured"));
  run.erase("measured");
}

}  // namespace

TEST_CASE("bad words are refused with a suggestion where one is near") {
  struct Row {
    const char *arguments, *expected;
  };
  const Row rows[] = {
      {"frobnicate", "unknown command 'frobnicate'"},
      {"comprae", "Did you mean 'compare'?"},
      {"run helo", "Did you mean 'hello'?"},
      {"compare kernal", "Did you mean 'kernel'?"},
      {"run hello --mode natve", "Did you mean 'native'?"},
      {"compare hello --modes native,tarp", "Did you mean 'trap'?"},
      {"compare hello --modes native,native", "twice"},
      {"compare hello --modes ''", "unknown mode"},
      {"run hello --profile pentium5-2006", "Did you mean 'pentium4-2006'?"},
      {"run hello --cpu 286", "Did you mean '386'?"},
      {"run hello --sensitive leek", "Did you mean 'leak'?"},
      {"explain HTL", "Did you mean 'HLT'?"},
      {"profiles sandybridge", "unknown profile"},
      {"run hello --jsno", "Did you mean '--json'?"},
      {"run hello extra", "one argument too many"},
      {"run hello -m 0", "at least 1"},
      {"run hello -m 4096", "at most 2048"},
      {"run hello -m 99999999999999999999", "not an amount"},
      {"run hello -m -5", "not an amount"},
      {"run hello -m 1T", "not an amount"},
      {"run hello -m ''", "not an amount"},
      {"run hello --instructions 0", "positive"},
      {"run hello --instructions many", "not a count"},
      {"run hello --seconds -1", "positive"},
      {"run hello --seconds soon", "seconds"},
      {"run hello --append", "append"},
      {"compare hello --json --csv", "csv"},
      {"run hello --keys 'c<F13>'", "'<' takes more than one key"},
      {"run hello --keys a --type b", "one prompt"},
      {"run hello --io rnig", "Did you mean 'ring'?"},
      {"run hello --mode trap --io passthrough", "I/O-MMU"},
      {"run hello --pv kvmclokc", "Did you mean 'kvmclock'?"},
      {"compare hello --pv virtio-blk,virtio-scsi", "unknown paravirtual help 'virtio-scsi'"},
      {"sweep diskio --vary bs=512 --pv ,", "unknown paravirtual help ''"},
      {"sweep diskio", "--vary"},
      {"sweep diskio --vary bs", "there is no name"},
      {"sweep diskio --vary bs=", "a value is missing"},
      {"sweep diskio --vary bs=4k..512", "a range goes up"},
      {"sweep diskio --vary bs=0..many", "two numbers"},
      {"sweep diskio --vary n=1..1G --vary m=1..1G --vary k=1..1G", "vary less"},
      {"sweep diskio --vary io=pio,rnig", "Did you mean 'ring'?"},
      {"paper felter-2014", "Did you mean 'felter-2015'?"},
      {"compare hello --jobs x", "jobs"},
  };
  for (const Row& row : rows) check_refused(row.arguments, row.expected);
}

TEST_CASE("files that cannot be a guest are refused, naming file and reason") {
  const std::string hello = hello_image();
  const std::string missing = (scratch_folder() / "missing.elf").string();
  check_refused("run " + missing, missing);
  check_refused("run -kernel " + missing, missing);
  check_refused("run " + scratch_folder().string(), "folder");
  check_refused("run " + scratch_file("empty", ""), "empty");
  check_refused("run " RINGSIDE_PROGRAM, "64-bit");
  for (std::size_t size : {std::size_t{10}, std::size_t{52}, std::size_t{100}, hello.size() / 2}) {
    INFO("first " << size << " bytes");
    check_refused("run " + scratch_file("truncated.elf", hello.substr(0, size)), "truncated.elf");
  }
  const std::size_t load = first_load(hello);
  check_refused("run " + changed("outside.elf", [&](std::string& i) { put(i, load + kPAddr, 0xF0000000u); }),
                "outside.elf");
  check_refused(
      "run " + changed("wrapping.elf", [&](std::string& i) { put(i, load + kMemorySize, 0xFFFFFFFFu); }),
      "wrapping.elf");
  check_refused(
      "run " + changed("file_size.elf", [&](std::string& i) { put(i, load + kFileSize, 0x7FFFFFFFu); }),
      "file_size.elf");
  check_refused(
      "run " + changed("file_offset.elf", [&](std::string& i) { put(i, load + kPOffset, 0xFFFFFF00u); }),
      "file_offset.elf");
  check_refused("run " + changed("no_headers.elf", [&](std::string& i) { put<std::uint16_t>(i, kPhNum, 0); }),
                "no_headers.elf");
  check_refused(
      "run " + changed("many_headers.elf", [&](std::string& i) { put<std::uint16_t>(i, kPhNum, 0xFFFF); }),
      "many_headers.elf");
  check_refused(
      "run " + changed("entry_size.elf", [&](std::string& i) { put<std::uint16_t>(i, kPhEntSize, 1); }),
      "entry_size.elf");
  check_refused("run " + changed("table_offset.elf", [&](std::string& i) { put(i, kPhOff, 0xFFFFFFF0u); }),
                "table_offset.elf");
  check_refused("run " + changed("overlap.elf",
                                 [&](std::string& i) {
                                   // A second program header that repeats the first one.
                                   const std::size_t table = get<std::uint32_t>(i, kPhOff);
                                   const std::string row = i.substr(load, 32);
                                   put(i, kPhOff, static_cast<std::uint32_t>(i.size()));
                                   put<std::uint16_t>(i, kPhNum, 2);
                                   (void)table;
                                   i += row + row;
                                 }),
                "overlap");
  check_refused("run -m 1 kernel", "-m");
  for (const char* command : {"run hello", "compare hello", "sweep hello --vary n=1,2"})
    check_refused(std::string(command) + " --initrd /nonexistent/modules", "cannot be opened");
}

TEST_CASE("boot sectors need their signature and disks whole sectors") {
  std::string sector(512, '\xF4');
  check_refused("run " + scratch_file("sector.img", sector), "55");
  check_refused("run hello --disk " + scratch_file("disk.img", std::string(700, 'x')), "512");
  check_refused("run hello -hda " + scratch_file("empty.img", ""), "empty.img");
  check_refused("run hello --disk " + (scratch_folder() / "no.img").string(), "no.img");
}

TEST_CASE("paravirtual help changes nothing for a guest that does not look for it") {
  const auto runs = [](const std::string& more) {
    const ProgramResult result = run_program("compare hello --modes native,trap,hvm --json" + more);
    CHECK(result.status == 0);
    return Json::parse(result.out)["runs"];
  };
  const Json plain = runs(""), helped = runs(" --pv kvmclock,virtio-console,virtio-blk,virtio-net");
  REQUIRE(plain.size() == 3);
  REQUIRE(helped.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    INFO(helped[i].dump());
    CHECK(helped[i]["instructions"] == plain[i]["instructions"]);
    CHECK(helped[i]["exits"] == plain[i]["exits"]);
    const bool told = helped[i]["reason"].get<std::string>().find("no kvmclock") != std::string::npos;
    CHECK(told == (helped[i]["mode"] != "hvm"));  // elsewhere the report says why there is none
  }
}

TEST_CASE("a paravirtual kernel must be one") {
  check_refused("run hello --mode para", "paravirtual");
  check_refused("run hello --mode para --pv-kernel " + scratch_file("plain.elf", hello_image()), "notes");
}

TEST_CASE("reference commands print and end well") {
  for (const char* command :
       {"guests", "profiles", "explain", "doctor", "--help", "run --help", "compare --help", "--version",
        "explain cr_access", "explain Ept-Violation", "profiles pentium4-2006", ""}) {
    INFO(command);
    const ProgramResult result = run_program(command);
    CHECK(result.status == 0);
    CHECK(result.out.size() > 10);
    CHECK(result.err.empty());
    CHECK(result.out.find('\033') == std::string::npos);  // no terminal, no colours
  }
  for (const char* command : {"guests --json", "profiles --json", "explain --json"}) {
    INFO(command);
    CHECK_NOTHROW(Json::parse(run_program(command).out));
  }
  CHECK(Json::parse(run_program("explain --json").out).size() ==
        static_cast<std::size_t>(ExitReason::kCount));
}

TEST_CASE("the exit status says how the guest ended") {
  CHECK(run_program("run hello").status == 0);
  CHECK(run_program("run hello --instructions 3").status == 4);
  CHECK(run_program("run kernel -append run=false").status == 1);
  // A boot sector that halts with interrupts off, and one that loops.
  std::string halts(512, '\0'), loops(512, '\0');
  std::memcpy(halts.data(), "\xFA\xF4", 2);
  std::memcpy(loops.data(), "\xEB\xFE", 2);
  for (std::string* sector : {&halts, &loops}) std::memcpy(sector->data() + 510, "\x55\xAA", 2);
  const ProgramResult halted = run_program("run --json " + scratch_file("halts.img", halts));
  CHECK(halted.status == 3);
  CHECK(Json::parse(halted.out)["status"] == "failed");
  CHECK(run_program("run --instructions 1M " + scratch_file("loops.img", loops)).status == 4);
  CHECK(run_program("run --seconds 0.2 --instructions 1000G " + scratch_file("loops.img", loops)).status ==
        4);
}

TEST_CASE("output goes where it was asked for") {
  const ProgramResult console = run_program("run hello --console");
  CHECK(console.status == 0);
  CHECK(console.err.empty());
  const ProgramResult both = run_program("run hello --console --json");
  const Json json = Json::parse(both.out);
  CHECK(json["schema"] == "ringside/run/v1");
  CHECK(json["console"] == console.out);
  CHECK(both.err == console.out);
  CHECK_THAT(run_program("run hello").out, contains("VM-EXIT") || contains("No exits"));
  const ProgramResult csv = run_program("compare hello --modes native,para --csv");
  CHECK(csv.status == 0);
  CHECK(std::count(csv.out.begin(), csv.out.end(), '\n') == 3);
  CHECK_THAT(csv.out, contains("unavailable"));
}

TEST_CASE("a sweep is a line per point and mode, in the order asked for") {
  const ProgramResult result = run_program(
      "sweep diskio --append count=3 --vary bs=512..1k --vary io=ring,poll --modes native,hvm --csv");
  CHECK(result.status == 0);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1 + 2 * 2 * 2);
  CHECK(result.out.rfind("bs,io,mode,status,instructions,exits,device_exits,", 0) == 0);
  CHECK_THAT(result.out, contains("\n512,ring,native,ok,"));
  CHECK_THAT(result.out, contains("\n1024,poll,hvm,ok,"));
}

TEST_CASE("netio runs on two machines, and the report tells of both") {
  const std::string words = "run netio --append count=4 --io ring --mode hvm ";
  const Json json = Json::parse(run_program(words + "--nat --json").out);
  CHECK(json["status"] == "ok");
  CHECK(json["network"]["packets_sent"] == 4);  // the translator keeps the machine's ARP to itself
  CHECK(json["network"]["translated"] == 8);
  CHECK(json["network"]["peer"]["mode"] == "hvm");
  CHECK_THAT(std::string(json["network"]["peer"]["console"]), contains("answered"));
  CHECK_THAT(run_program(words + "--peer-mode native").out,
             contains("the machine at the other end (native)"));
  const ProgramResult sweep =
      run_program("sweep netio --append count=3 --vary nat=off,on --vary bs=512,2k --modes trap,para");
  CHECK(sweep.status == 0);
  CHECK(std::count(sweep.out.begin(), sweep.out.end(), '\n') == 1 + 2 * 2 * 2);
  CHECK_THAT(sweep.out, contains("packets"));
  const ProgramResult alone = run_program("run hello --nat");
  CHECK(alone.status == 2);
  CHECK_THAT(alone.err, contains("--peer"));
}

TEST_CASE("QEMU's words mean the same") {
  for (const char* words : {"-append run=true -m 16", "--append run=true --memory 16M"}) {
    const Json json = Json::parse(run_program(std::string("run kernel --json ") + words).out);
    CHECK(json["status"] == "ok");
  }
  const std::string file = scratch_file("hello.elf", hello_image());
  CHECK(run_program("run -kernel " + file).status == 0);
}

TEST_CASE("a guest can be typed to through a pipe") {
  const ProgramResult result =
      run_program("run kernel --console -append interactive", "echo typed by a test\nexit\n");
  CHECK(result.status == 0);
  CHECK_THAT(result.out, contains("typed by a test"));
}

TEST_CASE("the same comparison twice is the same JSON but for what was measured") {
  const std::string arguments = "compare kernel --json -append run=syscalls,forkwait,diskio";
  const ProgramResult first = run_program(arguments), second = run_program(arguments + " --jobs 1");
  REQUIRE(first.status == 0);
  CHECK(first.err.empty());
  Json a = Json::parse(first.out), b = Json::parse(second.out);
  for (Json* json : {&a, &b})
    for (Json& run : (*json)["runs"]) drop_measured(run);
  CHECK(a.dump() == b.dump());
  REQUIRE(a["runs"].size() == 4);
  for (const Json& run : a["runs"]) {
    INFO(run["mode"]);
    CHECK(run["status"] == "ok");
    CHECK(run["exit_code"] == 0);
    std::uint64_t sum = 0;
    for (const auto& [bucket, cycles] : run["cycles"].items())
      if (bucket != "total") sum += cycles.get<std::uint64_t>();
    CHECK(sum == run["cycles"]["total"].get<std::uint64_t>());
    for (const Json& e : run["exits"]) {
      CHECK(e["min"].get<std::uint64_t>() <= e["max"].get<std::uint64_t>());
      CHECK(e["samples"].get<std::uint64_t>() > 0);
    }
  }
}
