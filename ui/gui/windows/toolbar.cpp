// The menu, the toolbar and the status line: everything that controls the run.
#include <SDL_keycode.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "guests/builtin.h"
#include "hypervisor/accounting/cost_profile.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

constexpr std::array<std::pair<View, const char*>, 3> kViews{
    {{View::Compare, "Compare"}, {View::Inspect, "Inspect"}, {View::Memory, "Memory"}}};
constexpr std::array<const char*, 3> kViewTips{"All techniques on one scale (Ctrl+1)",
                                               "One technique close up: an exit taken apart (Ctrl+2)",
                                               "Page walks, table entries, page frames (Ctrl+3)"};
constexpr const char* kDefaultGuest = "kernel";
constexpr const char* kHint = "cycles are modelled, not measured   F1: keys";
constexpr std::array<std::pair<double, const char*>, 6> kSpeeds{
    {{100, "100/s"}, {1e4, "10 k/s"}, {1e5, "100 k/s"}, {1e6, "1 M/s"}, {1e7, "10 M/s"}, {0, "full speed"}}};

void guest_menu(Context& c) {
  for (const BuiltinGuest& guest : builtin_guests()) {
    if (guest.needs_peer) continue;  // a window shows one machine for each mode
    if (ImGui::MenuItem(std::string(guest.name).c_str(), nullptr, c.frame.guest == guest.name))
      c.send(model::command::Open{std::string(guest.name)});
    c.layout.add_popup(fmt::format("menu.guest.{}", guest.name));
    tooltip(guest.description);
  }
  ImGui::Separator();
  if (ImGui::MenuItem("Open an image file...", "Ctrl+O")) c.ui.show_open = true;
  c.layout.add_popup("menu.open");
  if (ImGui::MenuItem("Export...", "Ctrl+E")) c.ui.show_export = true;
  c.layout.add_popup("menu.export");
}

/// Which techniques run side by side; the guest starts again.
void technique_menu(Context& c) {
  for (Mode mode : all_modes()) {
    std::vector<Mode> modes;
    bool shown = false;
    for (const auto& lane : c.frame.lanes) {
      shown |= lane.mode == mode;
      if (lane.mode != mode) modes.push_back(lane.mode);
    }
    const std::string label(title(mode));
    if (ImGui::MenuItem(label.c_str(), nullptr, shown, !shown || c.frame.lanes.size() > 1)) {
      if (!shown) modes.push_back(mode);
      std::sort(modes.begin(), modes.end());
      c.send(model::command::SetModes{modes});
    }
    c.layout.add_popup(fmt::format("menu.mode.{}", name(mode)));
    tooltip(glossary(name(mode)));
  }
  ImGui::Separator();
  const auto policy = [&](const char* label, const char* tip, SensitiveInstructions value) {
    if (ImGui::MenuItem(label)) c.send(model::command::SetSensitive{value});
    tooltip(tip);
  };
  policy("Sensitive instructions trap",
         "A hypothetical x86 that can be virtualized classically. The guest starts again.",
         SensitiveInstructions::Trap);
  policy("Sensitive instructions leak",
         "Real x86: they execute silently outside ring 0. The guest starts again.",
         SensitiveInstructions::Leak);
}

void guest_combo(Context& c) {
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("nanobench").x + ImGui::GetFrameHeight() * 1.6f);
  const bool open = ImGui::BeginCombo("##guest", c.frame.guest.c_str());
  c.layout.add("guest");
  if (!open)
    return tooltip(
        "The guest. Any Multiboot kernel, flat binary or boot sector: Ctrl+O, or drop the file here.");
  for (const BuiltinGuest& guest : builtin_guests()) {
    if (guest.needs_peer) continue;
    if (ImGui::Selectable(std::string(guest.name).c_str(), c.frame.guest == guest.name))
      c.send(model::command::Open{std::string(guest.name)});
    c.layout.add_popup(fmt::format("guest.{}", guest.name));
    tooltip(guest.description);
  }
  ImGui::EndCombo();
}

void profile_menu(Context& c) {
  for (const CostProfile& profile : cost_profiles()) {
    if (ImGui::MenuItem(std::string(profile.name).c_str(), nullptr, c.frame.profile == profile.name))
      c.send(model::command::SetProfile{std::string(profile.name)});
    tooltip(profile.description);
  }
}

void speed_slider(Context& c) {
  int step = static_cast<int>(kSpeeds.size()) - 1;
  for (std::size_t i = 0; i < kSpeeds.size(); ++i)
    if (kSpeeds[i].first == c.frame.speed) step = static_cast<int>(i);
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("full speed").x * 1.8f);
  if (ImGui::SliderInt("##speed", &step, 0, static_cast<int>(kSpeeds.size()) - 1,
                       kSpeeds[static_cast<std::size_t>(step)].second, ImGuiSliderFlags_NoInput))
    c.send(model::command::SetSpeed{kSpeeds[static_cast<std::size_t>(step)].first});
  c.layout.add("speed");
  tooltip("Guest instructions per second in each technique");
}

void profile_combo(Context& c) {
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("sandybridge-2012").x + ImGui::GetFrameHeight() * 1.6f);
  const bool open = ImGui::BeginCombo("##profile", c.frame.profile.c_str());
  c.layout.add("profile");
  if (!open) return tooltip(glossary("profile"));
  for (const CostProfile& profile : cost_profiles()) {
    if (ImGui::Selectable(std::string(profile.name).c_str(), c.frame.profile == profile.name))
      c.send(model::command::SetProfile{std::string(profile.name)});
    c.layout.add_popup(fmt::format("profile.{}", profile.name));
    tooltip(profile.description);
  }
  ImGui::EndCombo();
}

/// As on the first start: theme, view, borders, panels, prices, speed, and the built-in kernel.
void restore_defaults(Context& c) {
  const float scale = c.ui.scale;  // fonts are made at the start
  c.ui = UiState{};
  c.ui.scale = scale;
  c.send(model::command::SetProfile{std::string(default_cost_profile().name)});
  c.send(model::command::SetSpeed{0});
  c.send(model::command::SetLockstep{true});
  if (c.frame.guest != kDefaultGuest) c.send(model::command::Open{kDefaultGuest});
}

}  // namespace

void draw_menu(Context& c) {
  if (!ImGui::BeginMainMenuBar()) return;
  c.layout.add_pane("menu", {0, 0, ImGui::GetIO().DisplaySize.x, ImGui::GetFrameHeight()});
  const auto menu = [&](const char* label) {
    const bool open = ImGui::BeginMenu(label);
    c.layout.add_popup(fmt::format("menu.{}", label));
    return open;
  };
  if (menu("Guest")) {
    guest_menu(c);
    ImGui::EndMenu();
  }
  if (menu("Techniques")) {
    technique_menu(c);
    ImGui::EndMenu();
  }
  if (menu("Run")) {
    if (ImGui::MenuItem(c.frame.running ? "Pause" : "Run", "F5"))
      c.frame.running ? c.send(model::command::Pause{}) : c.send(model::command::Run{});
    if (ImGui::MenuItem("Step", "F11")) c.send(model::command::Step{});
    if (ImGui::MenuItem("Step back", "Shift+F11")) c.send(model::command::StepBack{});
    if (ImGui::MenuItem("To the next trap", "F10")) c.send(model::command::ToNextTrap{});
    if (ImGui::MenuItem("Reset", "Ctrl+R")) c.send(model::command::Reset{});
    ImGui::Separator();
    if (ImGui::MenuItem("Go to a guest instruction...", "Ctrl+I")) c.ui.show_go_to = true;
    if (ImGui::MenuItem("Breakpoints...", "Ctrl+B")) c.ui.show_breakpoints = true;
    if (ImGui::MenuItem("All modes in lockstep", nullptr, c.frame.lockstep))
      c.send(model::command::SetLockstep{!c.frame.lockstep});
    ImGui::EndMenu();
  }
  if (menu("Prices")) {
    profile_menu(c);
    ImGui::EndMenu();
  }
  if (menu("View")) {
    for (std::size_t i = 0; i < kViews.size(); ++i)
      if (ImGui::MenuItem(kViews[i].second, fmt::format("Ctrl+{}", i + 1).c_str(),
                          c.ui.view == kViews[i].first))
        c.ui.view = kViews[i].first;
    ImGui::Separator();
    if (ImGui::MenuItem("Light theme", nullptr, c.ui.theme == Theme::Light))
      c.ui.theme = c.ui.theme == Theme::Light ? Theme::Dark : Theme::Light;
    ImGui::MenuItem("Lab panel", "Ctrl+L", &c.ui.show_labs);
    if (ImGui::MenuItem("Restore the default layout and settings")) restore_defaults(c);
    c.layout.add_popup("menu.defaults");
    ImGui::EndMenu();
  }
  if (menu("Help")) {
    ImGui::MenuItem("Keys", "F1", &c.ui.show_keys);
    ImGui::EndMenu();
  }
  ImGui::EndMainMenuBar();
}

void draw_toolbar(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "toolbar", "Toolbar", rect,
                  ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoScrollbar))
    return end_pane();
  guest_combo(c);
  ImGui::SameLine();
  if (button(c.layout, "run", c.frame.running ? "Pause F5" : "Run F5", "Run or pause all modes", true,
             c.frame.running))
    c.frame.running ? c.send(model::command::Pause{}) : c.send(model::command::Run{});
  ImGui::SameLine();
  if (button(c.layout, "step", "Step F11", "One guest instruction")) c.send(model::command::Step{});
  ImGui::SameLine();
  if (button(c.layout, "next", "Next trap F10", "Run until the next exit to the monitor"))
    c.send(model::command::ToNextTrap{});
  ImGui::SameLine();
  if (button(c.layout, "back", "Back",
             "One guest instruction back: the nearest snapshot, and deterministic replay from there "
             "(Shift+F11)"))
    c.send(model::command::StepBack{});
  ImGui::SameLine();
  if (button(c.layout, "reset", "Reset", "Back to power-on (Ctrl+R)")) c.send(model::command::Reset{});
  ImGui::SameLine();
  speed_slider(c);
  ImGui::SameLine();
  profile_combo(c);
  ImGui::SameLine();
  bool lockstep = c.frame.lockstep;
  if (ImGui::Checkbox("lockstep", &lockstep)) c.send(model::command::SetLockstep{lockstep});
  c.layout.add("lockstep");
  tooltip(glossary("lockstep"));
  float tabs = 0;
  for (auto [view, label] : kViews)
    tabs +=
        ImGui::CalcTextSize(label).x + ImGui::GetStyle().FramePadding.x * 2 + ImGui::GetStyle().ItemSpacing.x;
  ImGui::SameLine(std::max(ImGui::GetCursorPosX(), rect.width() - tabs - ImGui::GetStyle().WindowPadding.x));
  for (std::size_t i = 0; i < kViews.size(); ++i) {
    if (i) ImGui::SameLine();
    if (button(c.layout, fmt::format("view.{}", kViews[i].second).c_str(), kViews[i].second, kViewTips[i],
               true, c.ui.view == kViews[i].first))
      c.ui.view = kViews[i].first;
  }
  end_pane();
}

void draw_status(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "status", "Status", rect,
                  ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoScrollbar))
    return end_pane();
  const std::string& message = c.frame.message.empty() ? c.ui.notice : c.frame.message;
  const std::string state = fmt::format("{}: {}{}", c.frame.guest,
                                        c.frame.busy      ? "busy"
                                        : c.frame.running ? "running"
                                                          : "paused",
                                        message.empty() ? "" : fmt::format("   {}", message));
  text_in(c.layout, "status.message", state, c.frame.message_is_error ? palette().bad : palette().dim,
          rect.width() - ImGui::CalcTextSize(kHint).x - 40);
  ImGui::SameLine(rect.width() - ImGui::CalcTextSize(kHint).x - ImGui::GetStyle().WindowPadding.x - 2);
  text_in(c.layout, "status.hint", kHint, palette().dim);
  end_pane();
}

}  // namespace ringside::gui
