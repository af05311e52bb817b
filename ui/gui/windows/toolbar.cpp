// The menu, the toolbar and the status line: everything that controls the run.
#include <SDL_keycode.h>
#include <fmt/format.h>

#include <array>

#include "guests/builtin.h"
#include "hypervisor/cost_profile.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

constexpr std::array<std::pair<View, const char*>, 3> kViews{
    {{View::Compare, "Compare"}, {View::Inspect, "Inspect"}, {View::Memory, "Memory"}}};
constexpr const char* kHint = "cycles are modelled, not measured   F1: keys";
constexpr std::array<std::pair<double, const char*>, 6> kSpeeds{
    {{0, "full speed"}, {1e7, "10 M/s"}, {1e6, "1 M/s"}, {1e5, "100 k/s"}, {1e4, "10 k/s"}, {100, "100/s"}}};

void guest_menu(Context& c) {
  for (const BuiltinGuest& guest : builtin_guests()) {
    if (ImGui::MenuItem(std::string(guest.name).c_str(), nullptr, c.frame.guest == guest.name))
      c.send(model::command::Open{std::string(guest.name)});
    tooltip(guest.description);
  }
  ImGui::Separator();
  if (ImGui::MenuItem("Open an image file...", "Ctrl+O")) c.ui.show_open = true;
}

void profile_menu(Context& c) {
  for (const CostProfile& profile : cost_profiles()) {
    if (ImGui::MenuItem(std::string(profile.name).c_str(), nullptr, c.frame.profile == profile.name))
      c.send(model::command::SetProfile{std::string(profile.name)});
    tooltip(profile.description);
  }
}

void speed_combo(Context& c) {
  const char* current = "custom";
  for (auto [speed, label] : kSpeeds)
    if (speed == c.frame.speed) current = label;
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("full speed").x + ImGui::GetFrameHeight() * 1.6f);
  const bool open = ImGui::BeginCombo("##speed", current);
  c.layout.add("speed");
  if (!open) return tooltip("Guest instructions per second and mode");
  for (auto [speed, label] : kSpeeds)
    if (ImGui::Selectable(label, speed == c.frame.speed)) c.send(model::command::SetSpeed{speed});
  ImGui::EndCombo();
}

void profile_combo(Context& c) {
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("sandybridge-2012").x + ImGui::GetFrameHeight() * 1.6f);
  const bool open = ImGui::BeginCombo("##profile", c.frame.profile.c_str());
  c.layout.add("profile");
  if (!open) return tooltip(glossary("profile"));
  for (const CostProfile& profile : cost_profiles())
    if (ImGui::Selectable(std::string(profile.name).c_str(), c.frame.profile == profile.name))
      c.send(model::command::SetProfile{std::string(profile.name)});
  ImGui::EndCombo();
}

}  // namespace

void draw_menu(Context& c) {
  if (!ImGui::BeginMainMenuBar()) return;
  if (ImGui::BeginMenu("Guest")) {
    guest_menu(c);
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("Run")) {
    if (ImGui::MenuItem(c.frame.running ? "Pause" : "Run", "F5"))
      c.frame.running ? c.send(model::command::Pause{}) : c.send(model::command::Run{});
    if (ImGui::MenuItem("Step", "F11")) c.send(model::command::Step{});
    if (ImGui::MenuItem("Step back", "Shift+F11")) c.send(model::command::StepBack{});
    if (ImGui::MenuItem("To the next trap", "F10")) c.send(model::command::ToNextTrap{});
    if (ImGui::MenuItem("Reset", "Ctrl+R")) c.send(model::command::Reset{});
    ImGui::Separator();
    if (ImGui::MenuItem("Breakpoints...", "Ctrl+B")) c.ui.show_breakpoints = true;
    if (ImGui::MenuItem("All modes in lockstep", nullptr, c.frame.lockstep))
      c.send(model::command::SetLockstep{!c.frame.lockstep});
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("Prices")) {
    profile_menu(c);
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("View")) {
    for (std::size_t i = 0; i < kViews.size(); ++i)
      if (ImGui::MenuItem(kViews[i].second, fmt::format("Ctrl+{}", i + 1).c_str(),
                          c.ui.view == kViews[i].first))
        c.ui.view = kViews[i].first;
    ImGui::Separator();
    if (ImGui::MenuItem("Light theme", nullptr, c.ui.theme == Theme::Light))
      c.ui.theme = c.ui.theme == Theme::Light ? Theme::Dark : Theme::Light;
    ImGui::MenuItem("Lab panel", "Ctrl+L", &c.ui.show_labs);
    if (ImGui::MenuItem("Restore default settings")) {
      const float scale = c.ui.scale;
      c.ui = UiState{};
      c.ui.scale = scale;
    }
    ImGui::EndMenu();
  }
  if (ImGui::BeginMenu("Help")) {
    ImGui::MenuItem("Keys", "F1", &c.ui.show_keys);
    ImGui::EndMenu();
  }
  ImGui::EndMainMenuBar();
}

void draw_toolbar(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "toolbar", "Toolbar", rect,
                  ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoScrollbar))
    return end_pane();
  if (button(c.layout, "run", c.frame.running ? "Pause F5" : "Run F5", "Run or pause all modes", true,
             c.frame.running))
    c.frame.running ? c.send(model::command::Pause{}) : c.send(model::command::Run{});
  ImGui::SameLine();
  if (button(c.layout, "step", "Step F11", "One guest instruction")) c.send(model::command::Step{});
  ImGui::SameLine();
  if (button(c.layout, "next", "Next trap F10", "Run until the next exit to the monitor"))
    c.send(model::command::ToNextTrap{});
  ImGui::SameLine();
  if (button(c.layout, "back", "Back", "One guest instruction back, by deterministic replay (Shift+F11)"))
    c.send(model::command::StepBack{});
  ImGui::SameLine();
  if (button(c.layout, "reset", "Reset", "Back to power-on (Ctrl+R)")) c.send(model::command::Reset{});
  ImGui::SameLine();
  speed_combo(c);
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
    if (button(c.layout, fmt::format("view.{}", kViews[i].second).c_str(), kViews[i].second, "", true,
               c.ui.view == kViews[i].first))
      c.ui.view = kViews[i].first;
  }
  end_pane();
}

void draw_status(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "status", "Status", rect,
                  ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoScrollbar))
    return end_pane();
  const std::string state = fmt::format("{}: {}{}", c.frame.guest, c.frame.running ? "running" : "paused",
                                        c.frame.message.empty() ? "" : fmt::format("   {}", c.frame.message));
  text_in(c.layout, "status.message", state, c.frame.message_is_error ? palette().bad : palette().dim,
          rect.width() - ImGui::CalcTextSize(kHint).x - 40);
  ImGui::SameLine(rect.width() - ImGui::CalcTextSize(kHint).x - ImGui::GetStyle().WindowPadding.x - 2);
  text_in(c.layout, "status.hint", kHint, palette().dim);
  end_pane();
}

}  // namespace ringside::gui
