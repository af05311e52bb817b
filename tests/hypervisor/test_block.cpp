#include <unistd.h>

#include <fstream>

#include "cpu/host_error.h"
#include "hypervisor/devices/block_backend.h"
#include "tests/catch.h"

using namespace ringside;

namespace {
struct TemporaryFile {
  explicit TemporaryFile(std::size_t bytes) {
    char name[] = "/tmp/ringside-test-XXXXXX";
    const int fd = ::mkstemp(name);
    REQUIRE(fd >= 0);
    ::close(fd);
    path = name;
    std::ofstream(path, std::ios::binary) << std::string(bytes, 'f');
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path;
};
std::string refusal(const std::string& path, bool writable = false) {
  try {
    open_disk_image(path, writable);
  } catch (const HostError& e) {
    return e.what();
  }
  return {};
}
}  // namespace

TEST_CASE("Disks read back what was written and refuse what is outside", "[block]") {
  TemporaryFile file(8 * 512);
  const std::vector<u8> old(8 * 512, 'f');
  for (const auto& disk :
       {make_memory_disk(old), open_disk_image(file.path, false), open_disk_image(file.path, true)}) {
    CHECK(disk->sectors() == 8);
    std::vector<u8> in(1024, 7), out(1024);
    CHECK(disk->write(3, in));
    CHECK(disk->read(3, out));
    CHECK(out == in);
    CHECK(disk->read(5, out));
    CHECK(out[0] == 'f');
    CHECK_FALSE(disk->read(7, out));
    CHECK_FALSE(disk->write(7, in));
    CHECK_FALSE(disk->read(8, out));
    CHECK_FALSE(disk->read(~u64{0}, out));
  }
}

TEST_CASE("Only a writable disk changes its file", "[block]") {
  for (const bool writable : {false, true}) {
    TemporaryFile file(4 * 512);
    CHECK(open_disk_image(file.path, writable)->write(1, std::vector<u8>(512, 'n')));
    std::vector<u8> sector(512);
    CHECK(open_disk_image(file.path, false)->read(1, sector));
    CHECK(sector[0] == (writable ? 'n' : 'f'));
  }
}

TEST_CASE("A file that shrinks is a disk error, not a crash", "[block]") {
  TemporaryFile file(4 * 512);
  const auto disk = open_disk_image(file.path, false);
  REQUIRE(::truncate(file.path.c_str(), 512) == 0);
  std::vector<u8> sector(512);
  CHECK(disk->read(0, sector));
  CHECK_FALSE(disk->read(2, sector));
}

TEST_CASE("Disk images that cannot be are refused with a remedy", "[block]") {
  TemporaryFile odd(1000), empty(0);
  CHECK_THAT(refusal(odd.path), test::contains("multiple of 512"));
  CHECK_THAT(refusal(odd.path), test::contains("truncate"));
  CHECK_THAT(refusal(empty.path), test::contains("empty"));
  CHECK_THAT(refusal("/nonexistent/disk.img"), test::contains("cannot open"));
  CHECK_THAT(refusal("/tmp"), test::contains("not a regular file"));
  CHECK_THAT(refusal("/dev/null"), test::contains("not a regular file"));
}
