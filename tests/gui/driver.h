// Drives the real windows without a display: draws frames in software, clicks and types by widget name.
#pragma once

#include <string>

#include "tests/catch.h"
#include "ui/gui/app.h"
#include "ui/model/session.h"

namespace ringside::gui {

class Driver {
 public:
  explicit Driver(model::SessionOptions options, int width = 1600, int height = 900, float scale = 1,
                  Theme theme = Theme::Dark, const std::string& program = "/proc/self/exe")
      : core(std::move(options)), imgui_(), app(load_fonts(scale), program), headless(width, height) {
    app.ui.theme = theme;
    app.ui.scale = scale;
    apply_theme(theme, scale);
    frame(3);
  }

  model::SessionCore core;

 private:
  struct Context {
    Context() {
      ImGui::CreateContext();
      ImGui::GetIO().IniFilename = nullptr;
      ImGui::GetIO().ConfigInputTextCursorBlink = false;  // nothing on screen may depend on time
    }
    ~Context() { ImGui::DestroyContext(); }
  } imgui_;

 public:
  App app;
  Headless headless;
  model::FramePtr last;

  const model::LaneFrame& lane(Mode mode) const {
    for (const auto& l : last->lanes)
      if (l.mode == mode) return l;
    FAIL("no lane in mode " << name(mode));
    return last->lanes.front();
  }

  /// Draws frames; what the user asked for is carried out at once.
  void frame(int count = 1, Input input = {}) {
    for (int i = 0; i < count; ++i) {
      last = core.frame();
      headless.begin_frame();
      ImGuiIO& io = ImGui::GetIO();
#if IMGUI_VERSION_NUM < 18700
      io.MousePos = mouse_;
      io.MouseDown[0] = down_;
#endif
      (void)io;
      ImGui::NewFrame();
      const auto commands = app.draw(*last, input);
      headless.end_frame();
      for (const auto& command : commands) core.execute(command);
      input = {};
    }
    last = core.frame();
  }

  void press(int key, bool control = false, bool shift = false) {
    frame(1, Input{.keys = {{key, control, shift}}});
    frame();
  }

  void click(const std::string& name) {
    INFO("widget " << name);
    const Layout::Item* item = app.layout().find(name);
    REQUIRE(item != nullptr);
    click_at(item->rect.centre());
  }

  void double_click(const std::string& name) {
    INFO("widget " << name);
    const Layout::Item* item = app.layout().find(name);
    REQUIRE(item != nullptr);
    move(item->rect.centre());
    for (const bool down : {true, false, true, false}) button(down);
    frame(2);
  }

  void click_at(ImVec2 at) {
    move(at);
    button(true);
    button(false);
    frame(2);
  }

  /// What the widget says about itself when the pointer rests on it.
  std::string hover(const std::string& name) {
    INFO("widget " << name);
    const Layout::Item* item = app.layout().find(name);
    REQUIRE(item != nullptr);
    move(item->rect.centre());
    frame();
    return shown_tooltip();
  }

  /// From the centre of a widget by so many pixels.
  void drag(const std::string& name, ImVec2 by) {
    INFO("widget " << name);
    const Layout::Item* item = app.layout().find(name);
    REQUIRE(item != nullptr);
    const ImVec2 from = item->rect.centre();
    move(from);
    button(true);
    move({from.x + by.x, from.y + by.y});
    button(false);
    frame(2);
  }

  void type(const std::string& text) {
    ImGui::GetIO().AddInputCharactersUTF8(text.c_str());
    frame(2);
  }

  /// Runs until nothing is left to run.
  void finish() {
    while (core.running()) core.run_slice(0.5);
    frame(2);
  }

 private:
  void move(ImVec2 at) {
    mouse_ = at;
#if IMGUI_VERSION_NUM >= 18700
    ImGui::GetIO().AddMousePosEvent(at.x, at.y);
#endif
    frame();
  }
  void button(bool down) {
    down_ = down;
#if IMGUI_VERSION_NUM >= 18700
    ImGui::GetIO().AddMouseButtonEvent(0, down);
#endif
    frame();
  }

  ImVec2 mouse_{-1, -1};
  bool down_ = false;
};

}  // namespace ringside::gui
