// Opening a guest: typed, chosen from a folder by mouse and by keyboard, opened before.
#include <SDL_keycode.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/gui/driver.h"
#include "ui/gui/settings.h"

using namespace ringside;
using namespace ringside::gui;
namespace fs = std::filesystem;

namespace {

/// guests/good.bin, guests/broken.elf, guests/inner/boot.img, notes.txt, a hidden file and a pipe.
struct Folder {
  fs::path path = fs::temp_directory_path() / fmt::format("ringside-open-{}", ::getpid());
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path / "guests/inner");
    const auto write = [&](const char* name, const std::string& bytes) {
      std::ofstream(path / name, std::ios::binary) << bytes;
    };
    write("guests/good.bin", std::string("\xb0\x00\xe6\xf4\xf4", 5));  // mov al, 0; out f4h, al; hlt
    write("guests/broken.elf", std::string("\x7f\x45LF\x01\x01", 6));
    write("guests/inner/boot.img", std::string(510, '\xf4') + "\x55\xaa");
    write("guests/notes.txt", "no guest");
    write("guests/.hidden.bin", "hidden");
    ::mkfifo((path / "guests/pipe").c_str(), 0600);
  }
  ~Folder() { fs::remove_all(path); }
  std::string guest(const char* name) const { return (path / "guests" / name).string(); }
};

bool shows(const Driver& d, const std::string& row) { return d.app.layout().find("open.row." + row); }
bool dialog_open(const Driver& d) { return d.app.layout().panes().contains("open"); }

void open_at(Driver& d, const fs::path& folder) {
  d.press(SDLK_o, true);
  d.type(folder.string());
  d.press(SDLK_RETURN);
  d.frame(2);
}

}  // namespace

TEST_CASE("The open dialog lists folders and what boots, goes down and up, and opens by mouse") {
  const Folder folder;
  Driver d({.guest = "hello"});
  open_at(d, folder.path);
  CHECK(shows(d, "guests"));
  d.double_click("open.row.guests");
  CHECK(shows(d, "inner"));
  CHECK(shows(d, "good.bin"));
  CHECK(shows(d, "broken.elf"));
  CHECK_FALSE(shows(d, "notes.txt"));
  CHECK_FALSE(shows(d, ".hidden.bin"));
  CHECK_FALSE(shows(d, "pipe"));
  d.click("open.all");
  CHECK(shows(d, "notes.txt"));
  CHECK_FALSE(shows(d, "pipe"));
  d.double_click("open.row.inner");
  CHECK(shows(d, "boot.img"));
  d.click("open.up");
  CHECK(shows(d, "good.bin"));
  d.click("open.row.good.bin");
  CHECK(d.app.ui.open_path == folder.guest("good.bin"));
  CHECK(d.last->guest == "hello");  // chosen, not yet opened
  d.click("open.go");
  d.frame();
  CHECK(d.last->guest == folder.guest("good.bin"));
  CHECK_FALSE(dialog_open(d));
}

TEST_CASE("The open dialog works by keyboard alone") {
  const Folder folder;
  Driver d({.guest = "hello"});
  open_at(d, folder.path / "guests/inner");
  d.press(SDLK_UP, true);
  CHECK(shows(d, "good.bin"));
  d.press(SDLK_DOWN);  // inner
  d.press(SDLK_DOWN);  // broken.elf
  CHECK(d.app.ui.open_path == folder.guest("broken.elf"));
  d.press(SDLK_DOWN);
  d.press(SDLK_DOWN);  // the last one stays
  CHECK(d.app.ui.open_path == folder.guest("good.bin"));
  d.press(SDLK_RETURN);
  d.frame(2);
  CHECK(d.last->guest == folder.guest("good.bin"));
  CHECK_FALSE(dialog_open(d));
  d.press(SDLK_o, true);  // where the last one came from
  CHECK(shows(d, "good.bin"));
  d.press(SDLK_ESCAPE);
  CHECK_FALSE(dialog_open(d));
}

TEST_CASE("The open dialog stays with its error, which names the remedy, until something has opened") {
  const Folder folder;
  Driver d({.guest = "hello"});
  open_at(d, folder.path / "guests");
  d.double_click("open.row.broken.elf");
  CHECK(d.app.layout().find("open.error"));
  CHECK(d.last->message.find("broken.elf") != std::string::npos);
  CHECK(d.last->guest == "hello");
  CHECK(dialog_open(d));
  fs::remove_all(folder.path / "guests/inner");  // under the dialog's eyes
  d.double_click("open.row.inner");
  CHECK(d.app.layout().find("open.error"));
  CHECK(d.last->guest == "hello");
  std::snprintf(d.app.ui.open_path, sizeof d.app.ui.open_path, "sensitive");  // a built-in one
  d.press(SDLK_ESCAPE);
  d.press(SDLK_o, true);
  d.click("open.go");
  d.frame();
  CHECK(d.last->guest == "sensitive");
  CHECK_FALSE(dialog_open(d));
}

TEST_CASE("Guests from files are remembered, the last one first, and open with one click") {
  const Folder folder;
  Driver d({.guest = "hello"});
  for (const char* name : {"good.bin", "inner/boot.img", "good.bin"}) {
    d.core.execute(model::command::Open{folder.guest(name)});
    d.frame(2);
  }
  d.core.execute(model::command::Open{"hello"});
  d.frame(2);
  const std::vector<std::string> expected{folder.guest("good.bin"), folder.guest("inner/boot.img")};
  CHECK(d.app.ui.open.recent == expected);
  const auto settings = folder.path / "settings.json";
  REQUIRE(save_settings(settings, remembered(d.app.ui, "hello", "", 1600, 900)));
  std::string notice;
  CHECK(load_settings(settings, notice).recent == expected);
  d.press(SDLK_o, true);
  d.frame();
  d.click("open.recent.1");
  d.frame();
  CHECK(d.last->guest == folder.guest("inner/boot.img"));
  CHECK_FALSE(dialog_open(d));
}

TEST_CASE("What cannot be listed says so and how to go on") {
  const Folder folder;
  const model::FolderListing gone = model::list_folder(folder.path / "nowhere");
  CHECK(gone.entries.empty());
  CHECK(gone.problem.find("nowhere") != std::string::npos);
  CHECK(gone.problem.find("Go up") != std::string::npos);
  for (std::size_t i = 0; i <= model::kMostFolderEntries; ++i)
    std::ofstream(folder.path / fmt::format("guests/inner/{}", i));
  const model::FolderListing full = model::list_folder(folder.path / "guests/inner");
  CHECK(full.entries.size() == model::kMostFolderEntries);
  CHECK_FALSE(full.problem.empty());
  CHECK(model::list_folder("/").path == "/");
  CHECK(model::list_folder(folder.path / "guests/").path == folder.path / "guests");
}

TEST_CASE("The open dialog fits on the smallest screen") {
  const Folder folder;
  Driver d({.guest = "hello"}, 1280, 720);
  for (int i = 0; i < static_cast<int>(OpenDialog::kMostRecent); ++i)
    d.app.ui.open.opened(folder.guest(fmt::format("{}-{}.bin", std::string(90, 'x'), i).c_str()));
  open_at(d, folder.path / "guests");
  d.double_click("open.row.broken.elf");
  const Rect pane = d.app.layout().panes().at("open");
  CHECK(pane.x0 >= 0);
  CHECK(pane.y0 >= 0);
  CHECK(pane.x1 <= 1280);
  CHECK(pane.y1 <= 720);
  for (const auto& item : d.app.layout().items())
    if (item.pane == "open") {
      INFO(item.name);
      CHECK(item.text_fits);
      CHECK(item.rect.x1 <= pane.x1 + 1);
    }
}
