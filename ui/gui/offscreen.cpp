#include "ui/gui/offscreen.h"

#include "ui/gui/app.h"

namespace ringside::gui {
namespace {

/// An ImGui context that is current while this lives; the one before is current again afterwards.
class OwnContext {
 public:
  OwnContext() : before_(ImGui::GetCurrentContext()), own_(ImGui::CreateContext()) {
    ImGui::SetCurrentContext(own_);
    ImGui::GetIO().IniFilename = nullptr;
    ImGui::GetIO().ConfigInputTextCursorBlink = false;  // nothing on a picture may depend on time
  }
  ~OwnContext() {
    ImGui::DestroyContext(own_);
    ImGui::SetCurrentContext(before_);
  }
  OwnContext(const OwnContext&) = delete;
  OwnContext& operator=(const OwnContext&) = delete;

 private:
  ImGuiContext *before_, *own_;
};

}  // namespace

Picture draw_offscreen(model::FramePtr frame, const UiState& ui, int width, int height,
                       const CarryOut& carry_out) {
  constexpr int kFrames = 4;  // scroll positions and column widths settle in the first ones
  const OwnContext context;
  App app(load_fonts(ui.scale));
  app.ui = ui;
  apply_theme(ui.theme, ui.scale);
  Headless headless(width, height);
  for (int i = 0; i < kFrames; ++i) {
    headless.begin_frame();
    ImGui::NewFrame();
    const auto commands = app.draw(*frame, {});
    headless.end_frame();
    if (carry_out) frame = carry_out(commands);
  }
  return headless.picture();
}

}  // namespace ringside::gui
