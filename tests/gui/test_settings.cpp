#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "ui/gui/settings.h"

using namespace ringside::gui;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("ringside-settings-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("Settings survive a round trip") {
  const Folder folder;
  const fs::path file = folder.path / "deeper" / "settings.json";
  const Settings saved{Theme::Light, 2, View::Memory, true, "hello", "pentium4-2006", 1280, 720};
  REQUIRE(save_settings(file, saved));
  std::string notice;
  const Settings read = load_settings(file, notice);
  CHECK(notice.empty());
  CHECK(read.theme == saved.theme);
  CHECK(read.scale == saved.scale);
  CHECK(read.view == saved.view);
  CHECK(read.show_labs == saved.show_labs);
  CHECK(read.guest == saved.guest);
  CHECK(read.profile == saved.profile);
  CHECK(read.width == saved.width);
}

TEST_CASE("A corrupt settings file is set aside, whatever is in it") {
  const Folder folder;
  const fs::path file = folder.path / "settings.json";
  for (const char* contents : {"", "{", "[]", "{\"theme\": 3}", "{\"scale\": \"big\"}", "\xff\xfe\x00"}) {
    std::ofstream(file) << contents;
    std::string notice;
    const Settings read = load_settings(file, notice);
    INFO(contents);
    CHECK(read.guest == "kernel");
    CHECK_FALSE(notice.empty());
    CHECK_FALSE(fs::exists(file));
    CHECK(fs::exists(file.string() + ".corrupt"));
  }
}
