// `ringside gui`: the window, or a picture of it.
#pragma once

#include <string>

#include "ui/gui/context.h"
#include "ui/model/session.h"

namespace ringside::gui {

struct GuiOptions {
  model::SessionOptions session;
  bool guest_given = false;  ///< otherwise the last guest is opened again
  std::string screenshot;    ///< draw one frame into this PNG instead of opening a window
  std::string view = "compare";
  std::optional<Mode> focus;  ///< for screenshots; otherwise the second mode
  u64 at_instruction = 0;     ///< for screenshots: every mode is taken there first; 0 = to the end
  int width = 1600, height = 900;
  float scale = 0;    ///< 0 = as remembered
  std::string theme;  ///< "dark", "light" or as remembered
  bool labs = false;
  bool software = false;  ///< do not try OpenGL
};

/// Returns the exit status. Throws HostError.
int run_gui(const GuiOptions& options);
/// "compare", "inspect", "memory"; throws HostError with a suggestion.
View parse_view(const std::string& name);

}  // namespace ringside::gui
