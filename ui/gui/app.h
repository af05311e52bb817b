// The application: a layout of windows per view, and the keyboard.
#pragma once

#include "ui/gui/context.h"
#include "ui/gui/platform.h"

namespace ringside::gui {

class App {
 public:
  /// `program` checks the labs' submissions: this program, or in tests the real one.
  explicit App(const Fonts& fonts, const std::string& program = "/proc/self/exe")
      : labs(program), fonts_(fonts) {}

  UiState ui;
  model::LabWork labs;

  /// Draws one frame between ImGui::NewFrame and Render; returns what the user asked for.
  std::vector<model::Command> draw(const model::Frame& frame, const Input& input);
  const Layout& layout() const { return layout_; }

 private:
  void keys(Context& c, const Input& input);

  Fonts fonts_;
  Layout layout_;
  bool frame_map_asked_ = false;
  std::string guest_;  ///< of the last frame
};

}  // namespace ringside::gui
