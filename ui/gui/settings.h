// What the app remembers between starts, in $XDG_CONFIG_HOME/ringside/settings.json (or ~/.config/...).
#pragma once

#include <filesystem>
#include <string>

#include "ui/gui/context.h"

namespace ringside::gui {

struct Settings {
  Theme theme = Theme::Dark;
  float scale = 1;
  View view = View::Compare;
  bool show_labs = false;
  std::string guest = "kernel", profile;
  int width = 1600, height = 900;
  std::map<std::string, float> splits;  ///< borders between panes that the user has moved
  std::vector<std::string> recent;      ///< guests from files, the last one first
  bool operator==(const Settings&) const = default;
};

void apply(const Settings& settings, UiState& ui);
Settings remembered(const UiState& ui, const std::string& guest, const std::string& profile, int width,
                    int height);

std::filesystem::path settings_path();
/// Defaults for what is missing. A file that is no settings file is set aside as settings.json.corrupt, never
/// fatal; `notice` then says so.
Settings load_settings(const std::filesystem::path& path, std::string& notice);
/// Writes a new file and renames it into place, so that a crash never leaves half of one. False if it cannot.
bool save_settings(const std::filesystem::path& path, const Settings& settings);

}  // namespace ringside::gui
