#include "ui/gui/settings.h"

#include "ui/gui/split.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ringside::gui {
namespace fs = std::filesystem;

fs::path settings_path() {
  if (const char* config = std::getenv("XDG_CONFIG_HOME"); config && *config)
    return fs::path(config) / "ringside/settings.json";
  if (const char* home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".config/ringside/settings.json";
  return {};
}

void apply(const Settings& s, UiState& ui) {
  ui.theme = s.theme;
  ui.scale = s.scale;
  ui.view = s.view;
  ui.show_labs = s.show_labs;
  ui.splits = s.splits;
  ui.open.recent = s.recent;
}

Settings remembered(const UiState& ui, const std::string& guest, const std::string& profile, int width,
                    int height) {
  return {ui.theme, ui.scale, ui.view, ui.show_labs, guest,
          profile,  width,    height,  ui.splits,    ui.open.recent};
}

Settings load_settings(const fs::path& path, std::string& notice) {
  Settings settings;
  std::error_code error;
  if (path.empty() || !fs::is_regular_file(path, error)) return settings;
  try {
    std::ifstream in(path);
    const auto json = nlohmann::json::parse(in);
    Settings read;
    read.theme = json.value("theme", "dark") == "light" ? Theme::Light : Theme::Dark;
    read.scale = std::clamp(json.value("scale", 1.0f), 1.0f, 3.0f);
    read.view = static_cast<View>(std::clamp(json.value("view", 0), 0, 2));
    read.show_labs = json.value("labs", false);
    read.guest = json.value("guest", "kernel");
    read.profile = json.value("profile", "");
    read.width = std::clamp(json.value("width", 1600), 800, 7680);
    read.height = std::clamp(json.value("height", 900), 600, 4320);
    for (const auto& [name, share] : json.value("layout", std::map<std::string, float>{}))
      read.splits[name] = std::clamp(share, kSmallestShare, kLargestShare);
    read.recent = json.value("recent", std::vector<std::string>{});
    if (read.recent.size() > OpenDialog::kMostRecent) read.recent.resize(OpenDialog::kMostRecent);
    settings = read;
  } catch (const nlohmann::json::exception&) {
    fs::path aside = path;
    aside += ".corrupt";
    fs::rename(path, aside, error);
    notice = "the settings file could not be read and was set aside as " + aside.string();
  }
  return settings;
}

bool save_settings(const fs::path& path, const Settings& s) {
  if (path.empty()) return false;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  fs::path fresh = path;
  fresh += ".new";
  {
    std::ofstream out(fresh);
    out << nlohmann::json{{"theme", s.theme == Theme::Light ? "light" : "dark"},
                          {"scale", s.scale},
                          {"view", static_cast<int>(s.view)},
                          {"labs", s.show_labs},
                          {"guest", s.guest},
                          {"profile", s.profile},
                          {"layout", s.splits},
                          {"recent", s.recent},
                          {"width", s.width},
                          {"height", s.height}}
               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
        << '\n';
    if (!out) return false;
  }
  fs::rename(fresh, path, error);
  return !error;
}

}  // namespace ringside::gui
