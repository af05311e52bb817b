#include "ui/gui/gui.h"

#include <SDL.h>

#include <fmt/format.h>

#include <array>
#include <utility>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"
#include "ui/gui/app.h"
#include "ui/gui/offscreen.h"
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

std::size_t lane_of(const model::Frame& frame, Mode mode) {
  for (std::size_t i = 0; i < frame.lanes.size(); ++i)
    if (frame.lanes[i].mode == mode) return i;
  throw HostError(fmt::format("mode {} is not among --modes", name(mode)));
}

int draw_picture(const GuiOptions& options, const Settings& settings) {
  model::SessionCore core(options.session);
  prepare_picture(core, options.at_instruction);
  if (options.focus)
    core.execute(model::command::Focus{lane_of(*core.frame(), *options.focus)});
  else if (core.frame()->lanes.size() > 1)
    core.execute(model::command::Focus{1});
  UiState ui;
  ui.theme = parse_theme(options.theme, settings.theme);
  ui.scale = options.scale > 0 ? options.scale : settings.scale;
  ui.view = parse_view(options.view);
  ui.show_labs = options.labs;
  write_png(options.screenshot,
            draw_offscreen(core.frame(), ui, options.width, options.height, [&](const auto& commands) {
              for (const model::Command& c : commands) core.execute(c);
              return core.frame();
            }));
  return 0;
}

/// What the windows asked of the program itself and not of the simulation.
void serve_window_requests(App& app, const model::FramePtr& frame) {
  if (app.ui.save_picture.empty()) return;
  const std::string path = std::exchange(app.ui.save_picture, {});
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  UiState shown = app.ui;
  shown.show_export = false;
  try {
    write_png(path, draw_offscreen(frame, shown, static_cast<int>(size.x), static_cast<int>(size.y)));
    app.ui.notice = "saved " + path;
  } catch (const HostError& e) {
    app.ui.notice = e.what();
  }
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
  apply(settings, app.ui);
  app.ui.theme = parse_theme(options.theme, settings.theme);
  app.ui.scale = scale;
  app.ui.show_labs |= options.labs;
  app.ui.notice = notice;
  const auto window = Platform::open_window(settings.width, settings.height, options.software);
  apply_theme(app.ui.theme, scale);
  Settings saved = settings;
  // Not only at the end, for the program may be killed; not while a border is being dragged.
  const auto remember = [&](const model::Frame& frame) {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const Settings now =
        remembered(app.ui, frame.guest, frame.profile, static_cast<int>(size.x), static_cast<int>(size.y));
    if (now == saved || ImGui::IsAnyMouseDown()) return;
    save_settings(path, now);
    saved = now;
  };
  // When nothing moves there is no need to look more often than a cursor blinks.
  constexpr int kIdleFrames = 30, kIdleMilliseconds = 50;
  int idle_frames = 0;
  u64 serial = 0;
  for (Theme shown = app.ui.theme;;) {
    const Input input = window->poll(idle_frames > kIdleFrames ? kIdleMilliseconds : 0);
    if (input.quit) break;
    if (shown != app.ui.theme) apply_theme(shown = app.ui.theme, scale);
    const model::FramePtr frame = session->frame();
    idle_frames = input.any || frame->serial != serial ? 0 : idle_frames + 1;
    serial = frame->serial;
    window->begin_frame();
    ImGui::NewFrame();
    for (model::Command& command : app.draw(*frame, input)) session->send(std::move(command));
    window->end_frame();
    serve_window_requests(app, frame);
    remember(*frame);
  }
  return 0;
}

}  // namespace ringside::gui
