// The list of built-in guests is complete and every image is what it says.

#include <set>

#include "guests/builtin.h"
#include "guests/kernel/ringfs_format.h"
#include "hypervisor/boot/image.h"
#include "tests/catch.h"

using namespace ringside;

TEST_CASE("every built-in guest has a name, a description of one line and a Multiboot image") {
  std::set<std::string_view> names;
  for (const BuiltinGuest& guest : builtin_guests()) {
    INFO(guest.name);
    CHECK(names.insert(guest.name).second);
    CHECK(find_builtin_guest(guest.name) == &guest);
    CHECK(!guest.description.empty());
    CHECK(guest.description.find('\n') == std::string_view::npos);
    const Image image = parse_image(std::string(guest.name), guest.image);
    CHECK(image.format == Image::Format::Multiboot);
    CHECK(!image.paravirtual);
    CHECK(guest.disk.size() % 512 == 0);
  }
  for (const char* expected : {"hello", "sensitive", "nanobench", "kernel"})
    CHECK(names.count(expected) == 1);
  CHECK(find_builtin_guest("no such guest") == nullptr);
}

TEST_CASE("the kernel comes with a paravirtual build and a disk with its file system") {
  const BuiltinGuest* kernel = find_builtin_guest("kernel");
  REQUIRE(kernel);
  const Image image = parse_image("kernel", kernel->paravirtual_image);
  REQUIRE(image.paravirtual);
  CHECK(image.paravirtual->virt_base == 0xC0000000);
  CHECK(image.paravirtual->hypercall_page % 4096 == 0);
  CHECK(!image.symbols.empty());
  REQUIRE(kernel->disk.size() > sizeof(ringfs_super));
  CHECK(std::string_view(reinterpret_cast<const char*>(kernel->disk.data())) == RINGFS_MAGIC);
}
