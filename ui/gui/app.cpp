#include "ui/gui/app.h"

#include <SDL_keycode.h>

#include <algorithm>

namespace ringside::gui {
namespace {

/// Splits off a part of a rectangle, in pixels from one side; what is left stays in `rest`.
Rect take_top(Rect& rest, float height) {
  const Rect part{rest.x0, rest.y0, rest.x1, std::min(rest.y1, rest.y0 + height)};
  rest.y0 = part.y1;
  return part;
}
Rect take_bottom(Rect& rest, float height) {
  const Rect part{rest.x0, std::max(rest.y0, rest.y1 - height), rest.x1, rest.y1};
  rest.y1 = part.y0;
  return part;
}
Rect take_left(Rect& rest, float width) {
  const Rect part{rest.x0, rest.y0, std::min(rest.x1, rest.x0 + width), rest.y1};
  rest.x0 = part.x1;
  return part;
}
Rect take_right(Rect& rest, float width) {
  const Rect part{std::max(rest.x0, rest.x1 - width), rest.y0, rest.x1, rest.y1};
  rest.x1 = part.x0;
  return part;
}

void compare_view(Context& c, Rect rest) {
  const float line = ImGui::GetTextLineHeightWithSpacing();
  draw_mode_cards(c, take_top(rest, line * 12.8f));
  draw_timeline(c, take_top(rest, std::max(line * 5.5f, rest.height() * 0.24f)));
  const float width = rest.width();
  draw_disassembly(c, take_left(rest, width * 0.31f));
  draw_registers(c, take_left(rest, width * 0.19f));
  if (c.ui.scale * 1200 < width) draw_rings(c, take_left(rest, width * 0.17f));
  Rect consoles = take_bottom(rest, rest.height() * 0.5f);
  draw_events(c, rest);
  draw_consoles(c, consoles);
}

void inspect_view(Context& c, Rect rest) {
  const float width = rest.width();
  Rect left = take_left(rest, width * 0.42f), right = take_right(rest, width * 0.28f);
  draw_anatomy(c, take_top(left, left.height() * 0.58f));
  draw_disassembly(c, left);
  draw_events(c, take_top(rest, rest.height() * 0.45f));
  draw_registers(c, rest);
  draw_rings(c, take_top(right, right.height() * 0.24f));
  draw_vmcs(c, take_top(right, right.height() * 0.42f));
  draw_devices(c, right);
}

void memory_view(Context& c, Rect rest) {
  const float line = ImGui::GetTextLineHeightWithSpacing();
  draw_page_walk(c, take_top(rest, line * 14));
  draw_fault_reason(c, take_right(rest, rest.width() * 0.3f));
  draw_mappings(c, rest);
}

}  // namespace

std::vector<model::Command> App::draw(const model::Frame& frame, const Input& input) {
  std::vector<model::Command> commands;
  layout_.clear();
  Context c{frame, ui, layout_, fonts_, commands};
  keys(c, input);
  for (const std::string& file : input.dropped_files) c.send(model::command::Open{file});

  draw_menu(c);
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  Rect rest{0, ImGui::GetFrameHeight(), size.x, size.y};
  draw_toolbar(c, take_top(rest, ImGui::GetFrameHeight() + ImGui::GetStyle().WindowPadding.y * 2));
  draw_status(c, take_bottom(rest, ImGui::GetTextLineHeight() + ImGui::GetStyle().WindowPadding.y * 2));
  if (ui.show_labs) draw_labs(c, take_right(rest, std::max(220.0f * ui.scale, size.x * 0.2f)));
  switch (ui.view) {
    case View::Compare: compare_view(c, rest); break;
    case View::Inspect: inspect_view(c, rest); break;
    case View::Memory: memory_view(c, rest); break;
  }
  draw_dialogs(c);
  return commands;
}

void App::keys(Context& c, const Input& input) {
  using namespace model;
  for (const KeyPress& press : input.keys) {
    const auto& [key, control, shift] = press;
    if (key == SDLK_F1) ui.show_keys = !ui.show_keys;
    if (key == SDLK_F5 && shift) c.send(command::Reset{});
    if (key == SDLK_F5 && !shift) c.frame.running ? c.send(command::Pause{}) : c.send(command::Run{});
    if (key == SDLK_F9)
      if (const auto* lane = c.focused())
        c.send(command::AddBreakpoint{command::AddBreakpoint::Kind::Address,
                                      lane->guest.seg[CS].base + lane->guest.eip});
    if (key == SDLK_F10) c.send(command::ToNextTrap{});
    if (key == SDLK_F11) shift ? c.send(command::StepBack{}) : c.send(command::Step{});
    if (!control) continue;
    switch (key) {
      case SDLK_r: c.send(command::Reset{}); break;
      case SDLK_o: ui.show_open = true; break;
      case SDLK_b: ui.show_breakpoints = true; break;
      case SDLK_l: ui.show_labs = !ui.show_labs; break;
      case SDLK_1: ui.view = View::Compare; break;
      case SDLK_2: ui.view = View::Inspect; break;
      case SDLK_3: ui.view = View::Memory; break;
      case SDLK_g: ui.focus_go_to = true; break;
      default: break;
    }
  }
}

}  // namespace ringside::gui
