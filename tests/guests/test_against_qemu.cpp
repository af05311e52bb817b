// The guests print under QEMU what they print on our bare metal: QEMU is the judge of the machine that they
// see, and of the guests' own mistakes. Skipped, visibly, where QEMU is not installed (package
// qemu-system-x86).

#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "guests/builtin.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

struct Ended {
  std::string console;
  int status = -1;       ///< what the guest gave as its exit code
  std::vector<u8> disk;  ///< as the guest left it
};

bool have_qemu() { return std::system("command -v qemu-system-i386 timeout >/dev/null 2>&1") == 0; }

/// A folder that is gone at the end of the scope.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-guests-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

void write_file(const std::filesystem::path& path, std::span<const u8> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::vector<u8> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<u8> copy(std::span<const u8> bytes) { return {bytes.begin(), bytes.end()}; }

Ended run_qemu(const BuiltinGuest& guest, const std::string& append, std::span<const u8> disk) {
  const TemporaryFolder folder;
  const auto image = folder.path / "guest.elf", disk_image = folder.path / "disk.img",
             console = folder.path / "console";
  write_file(image, guest.image);
  // One instruction = one nanosecond: the guest's ticks do not depend on how busy this host is.
  std::string command =
      "timeout 120 qemu-system-i386 -icount shift=0,align=off,sleep=off -m 32 -no-reboot "
      "-nodefaults -display none -device isa-debug-exit,iobase=0xf4,iosize=4 -serial file:" +
      console.string() + " -kernel " + image.string() + " -append '" + append + "'";
  if (!disk.empty()) {
    write_file(disk_image, disk);
    command += " -drive format=raw,if=ide,file=" + disk_image.string();
  }
  const int status = std::system((command + " >/dev/null 2>&1 </dev/null").c_str());
  Ended ended;
  const auto bytes = read_file(console);
  ended.console.assign(bytes.begin(), bytes.end());
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) % 2 ==
          1);  // (code << 1) | 1; anything else is QEMU's own failure, or the time limit
  ended.status = WEXITSTATUS(status) / 2;
  if (!disk.empty()) ended.disk = read_file(disk_image);
  return ended;
}

Ended run_native(const BuiltinGuest& guest, const std::string& append, std::span<const u8> disk) {
  VmConfig config;
  config.mode = Mode::Native;
  config.command_line = append;
  if (!disk.empty()) config.host.machine.disk = make_memory_disk(disk);
  VirtualMachine vm(parse_image(std::string(guest.name), guest.image), config);
  vm.run({.instructions = 2'000'000'000});
  INFO(vm.host().machine.console());
  INFO(vm.why());
  REQUIRE(vm.ended());
  REQUIRE((vm.ending() == Ending::Success || vm.ending() == Ending::Failure));
  Ended ended{vm.host().machine.console(), vm.guest_status(), {}};
  if (!disk.empty()) {
    ended.disk.resize(disk.size());
    REQUIRE(config.host.machine.disk->read(0, ended.disk));
  }
  return ended;
}

const BuiltinGuest& guest_named(const char* name) {
  const BuiltinGuest* guest = find_builtin_guest(name);
  REQUIRE(guest != nullptr);
  return *guest;
}

struct Row {
  const char *guest, *append;
  bool with_disk;
  int status;
};

}  // namespace

TEST_CASE("guests end and print under QEMU as on our bare metal", "[oracle]") {
  if (!have_qemu()) RINGSIDE_SKIP("qemu-system-i386 is not installed (package qemu-system-x86)");
  // Not pagetables: QEMU 7.2 sets A in directory entries of walks that fault further down, and takes bit 14
  // of a 4 MiB entry for an address bit (PSE-36) where ours is reserved.
  const Row rows[] = {
      {"hello", "", false, 0},
      {"hello", "one two", false, 0},
      {"sensitive", "", false, 0},
      {"diskio", "bs=3072 count=30 write=1", true, 0},
      {"kernel", "", true, 0},
      {"kernel", "", false, 0},  // on its RAM disk
      {"kernel", "run=ls -l,cat readme | head 2,echo \"a, b\",ps | wc,nonsense,false", true, 1},
      {"kernel", "run=diskio 512 32,diskio 12 16,diskio 131072 192,diskio 65532 64,forkwait 20,pagetouch 700",
       true, 0},
  };
  for (const Row& row : rows) {
    const BuiltinGuest& guest = guest_named(row.guest);
    const auto disk = row.with_disk ? guest.disk : std::span<const u8>{};
    const Ended theirs = run_qemu(guest, row.append, disk), ours = run_native(guest, row.append, disk);
    INFO(row.guest << " " << row.append << (row.with_disk ? " (disk)" : " (no disk)"));
    CHECK(ours.console == theirs.console);
    CHECK(ours.status == theirs.status);
    CHECK(ours.status == row.status);
    CHECK(ours.disk == theirs.disk);
    CHECK(!ours.console.empty());
  }
}

TEST_CASE("nanobench prints the same lines under QEMU, but for the cycles", "[oracle]") {
  if (!have_qemu()) RINGSIDE_SKIP("qemu-system-i386 is not installed (package qemu-system-x86)");
  const BuiltinGuest& guest = guest_named("nanobench");
  const std::regex cycles(" [0-9]+\n");
  const Ended theirs = run_qemu(guest, "iterations=100", {}), ours = run_native(guest, "iterations=100", {});
  CHECK(std::regex_replace(ours.console, cycles, " N\n") ==
        std::regex_replace(theirs.console, cycles, " N\n"));
  CHECK(ours.status == 0);
  CHECK(theirs.status == 0);
}

TEST_CASE("what the kernel writes is on the disk at the next boot") {
  const BuiltinGuest& guest = guest_named("kernel");
  const Ended first = run_native(guest, "run=echo kept > memo", guest.disk);
  CHECK(first.disk != copy(guest.disk));
  const Ended second = run_native(guest, "run=cat memo", first.disk);
  CHECK(second.status == 0);
  CHECK_THAT(second.console, test::contains("\nkept\n"));
}

TEST_CASE("the kernel falls back to its RAM disk when the disk is not one of its own") {
  const BuiltinGuest& guest = guest_named("kernel");
  const std::vector<u8> blank(64 * 512);
  const Ended ended = run_native(guest, "run=echo hello", blank);
  CHECK(ended.status == 0);
  CHECK_THAT(ended.console, test::contains("no file system"));
  CHECK_THAT(ended.console, test::contains("\nhello\n"));
}
