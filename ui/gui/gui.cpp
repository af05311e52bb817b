#include "ui/gui/gui.h"

#include <SDL.h>

#include <array>

#include "cpu/host_error.h"
#include "hypervisor/suggest.h"
#include "ui/gui/app.h"
#include "ui/gui/settings.h"

namespace ringside::gui {
namespace {

struct ImGuiSession {
  ImGuiSession() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
  }
  ~ImGuiSession() { ImGui::DestroyContext(); }
};

Theme parse_theme(const std::string& name, Theme remembered) {
  if (name.empty()) return remembered;
  if (name == "dark") return Theme::Dark;
  if (name == "light") return Theme::Light;
  constexpr std::array<std::string_view, 2> kThemes{"dark", "light"};
  throw HostError(unknown_name("theme", name, kThemes));
}

/// Takes the session where the picture is wanted, with exits selected so that no pane is empty.
void prepare_picture(model::SessionCore& core, u64 at_instruction) {
  if (at_instruction) {
    core.execute(model::command::Seek{at_instruction});
  } else {
    core.execute(model::command::Run{});
    while (core.running()) core.run_slice(1.0);
  }
}

int draw_picture(const GuiOptions& options, const Settings& settings) {
  model::SessionCore core(options.session);
  prepare_picture(core, options.at_instruction);
  if (core.frame()->lanes.size() > 1) core.execute(model::command::Focus{1});
  const ImGuiSession imgui;
  const float scale = options.scale > 0 ? options.scale : settings.scale;
  const Fonts fonts = load_fonts(scale);
  App app(fonts);
  app.ui.theme = parse_theme(options.theme, settings.theme);
  app.ui.scale = scale;
  app.ui.view = parse_view(options.view);
  app.ui.show_labs = options.labs;
  apply_theme(app.ui.theme, scale);
  Headless headless(options.width, options.height);
  const model::FramePtr frame = core.frame();
  for (int i = 0; i < 4; ++i) {  // scroll positions and column widths settle in the first frames
    headless.begin_frame();
    ImGui::NewFrame();
    app.draw(*frame, {});
    headless.end_frame();
  }
  write_png(options.screenshot, headless.picture());
  return 0;
}

}  // namespace

View parse_view(const std::string& name) {
  constexpr std::array<std::string_view, 3> kViews{"compare", "inspect", "memory"};
  for (std::size_t i = 0; i < kViews.size(); ++i)
    if (kViews[i] == name) return static_cast<View>(i);
  throw HostError(unknown_name("view", name, kViews));
}

int run_gui(const GuiOptions& options) {
  if (!options.screenshot.empty()) return draw_picture(options, Settings{});
  std::string notice;
  const auto path = settings_path();
  Settings settings = load_settings(path, notice);
  model::SessionOptions session_options = options.session;
  if (!options.guest_given) session_options.guest = settings.guest;
  if (session_options.profile.empty()) session_options.profile = settings.profile;
  std::unique_ptr<model::Session> session;
  try {
    session = std::make_unique<model::Session>(session_options);
  } catch (const HostError&) {
    if (options.guest_given) throw;
    session_options.guest = "kernel";  // what was open last time is gone
    session_options.profile.clear();
    session = std::make_unique<model::Session>(session_options);
  }

  const ImGuiSession imgui;
  const float scale = options.scale > 0 ? options.scale : settings.scale;
  const Fonts fonts = load_fonts(scale);
  App app(fonts);
  app.ui.theme = parse_theme(options.theme, settings.theme);
  app.ui.view = settings.view;
  app.ui.scale = scale;
  app.ui.show_labs = options.labs || settings.show_labs;
  const auto window = Platform::open_window(settings.width, settings.height, options.software);
  apply_theme(app.ui.theme, scale);
  for (Theme shown = app.ui.theme;;) {
    const Input input = window->poll();
    if (input.quit) break;
    if (shown != app.ui.theme) apply_theme(shown = app.ui.theme, scale);
    window->begin_frame();
    ImGui::NewFrame();
    for (model::Command& command : app.draw(*session->frame(), input)) session->send(std::move(command));
    window->end_frame();
  }
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  const auto last = session->frame();
  save_settings(path, {app.ui.theme, scale, app.ui.view, app.ui.show_labs, last->guest, last->profile,
                       static_cast<int>(size.x), static_cast<int>(size.y)});
  return 0;
}

}  // namespace ringside::gui
