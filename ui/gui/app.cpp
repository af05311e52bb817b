#include "ui/gui/app.h"

#include <SDL_keycode.h>

#include <algorithm>

#include "ui/gui/split.h"

namespace ringside::gui {
namespace {

void compare_view(Context& c, Rect rest) {
  const float line = ImGui::GetTextLineHeightWithSpacing();
  draw_mode_cards(c, take_top(rest, line * 11.6f + ImGui::GetStyle().WindowPadding.y * 2));
  draw_timeline(c, split_top(c, rest, "timeline", std::max(line * 5.8f / rest.height(), 0.24f)));
  draw_consoles(c, split_bottom(c, rest, "consoles", std::max(line * 6.2f / rest.height(), 0.36f)));
  draw_disassembly(c, split_left(c, rest, "disassembly", 0.36f));
  const bool rings = c.ui.scale * 1200 < rest.width() / 0.64f;  // the first to go where it is narrow
  draw_registers(c, split_left(c, rest, "registers", rings ? 0.32f : 0.44f));
  if (rings) draw_rings(c, split_left(c, rest, "rings", 0.32f));
  draw_events(c, rest);
}

void inspect_view(Context& c, Rect rest) {
  Rect left = split_left(c, rest, "inspect.left", 0.42f),
       right = split_right(c, rest, "inspect.right", 0.46f);
  draw_anatomy(c, split_top(c, left, "anatomy", 0.7f));
  draw_disassembly(c, left);
  draw_events(c, split_top(c, rest, "inspect.events", 0.45f));
  draw_registers(c, rest);
  draw_rings(c, split_top(c, right, "inspect.rings", 0.24f));
  if (const auto* lane = c.focused(); lane && lane->vmcs) draw_vmcs(c, split_top(c, right, "vmcs", 0.5f));
  draw_devices(c, right);
}

void memory_view(Context& c, Rect rest) {
  const float line = ImGui::GetTextLineHeightWithSpacing();
  Rect top = split_top(c, rest, "walk", std::min(line * 16.5f / rest.height(), 0.56f));
  draw_fault_reason(c, split_right(c, top, "fault", 0.34f));
  draw_page_walk(c, top);
  draw_frame_map(c, split_right(c, rest, "frames", 0.36f));
  draw_mappings(c, rest);
}

/// Around the present of the focused technique, which stays in view.
void zoom_timeline(Context& c, double factor) {
  const auto* lane = c.focused();
  if (!lane) return;
  u64 last = 1;
  for (const auto& l : c.frame.lanes) last = std::max(last, l.instructions);
  auto &begin = c.ui.timeline_begin, &end = c.ui.timeline_end;
  if (end <= begin) begin = 0, end = static_cast<double>(last);
  const auto here = static_cast<double>(lane->instructions);
  begin = std::max(0.0, here - (here - begin) * factor);
  end = here + (end - here) * factor;
  if (begin == 0 && end >= static_cast<double>(last)) begin = end = 0;
}

/// The error first; then whatever small window is open.
void close_small_windows(Context& c) {
  UiState& ui = c.ui;
  if (c.frame.message_is_error && ui.read_error != c.frame.message && !ui.show_open)
    ui.read_error = c.frame.message;
  else
    ui.show_keys = ui.show_open = ui.show_breakpoints = ui.show_export = ui.show_go_to = false;
}

}  // namespace

std::vector<model::Command> App::draw(const model::Frame& frame, const Input& input) {
  std::vector<model::Command> commands;
  layout_.clear();
  forget_tooltip();
  labs.poll();
  Context c{frame, ui, layout_, fonts_, commands, labs, input};
  if (guest_ != frame.guest) ui.open.opened(guest_ = frame.guest);
  keys(c, input);
  for (const std::string& file : input.dropped_files) c.send(model::command::Open{file});

  draw_menu(c);
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  Rect rest{0, ImGui::GetFrameHeight(), size.x, size.y};
  draw_toolbar(c, take_top(rest, ImGui::GetFrameHeight() + ImGui::GetStyle().WindowPadding.y * 2));
  draw_status(c, take_bottom(rest, ImGui::GetTextLineHeight() + ImGui::GetStyle().WindowPadding.y * 2));
  if (ui.show_labs) draw_labs(c, split_right(c, rest, "labs", std::max(220.0f * ui.scale / size.x, 0.2f)));
  const bool maps = ui.view == View::Memory;
  if (maps != frame_map_asked_) c.send(model::command::ShowFrameMap{maps});
  frame_map_asked_ = maps;
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
    if (key == SDLK_ESCAPE) close_small_windows(c);
    if (key == SDLK_F1) ui.show_keys = !ui.show_keys;
    if (key == SDLK_F5 && shift) c.send(command::Reset{});
    if (key == SDLK_F5 && !shift) c.frame.running ? c.send(command::Pause{}) : c.send(command::Run{});
    if (key == SDLK_F9)
      if (const auto* lane = c.focused())
        c.send(command::AddBreakpoint{command::AddBreakpoint::Kind::Address,
                                      lane->guest.seg[CS].base + lane->guest.eip});
    if (key == SDLK_F6 && !c.frame.lanes.empty())
      c.send(command::Focus{(c.frame.focus + (shift ? c.frame.lanes.size() - 1 : 1)) % c.frame.lanes.size()});
    if (key == SDLK_F10) c.send(command::ToNextTrap{});
    if (key == SDLK_F11) shift ? c.send(command::StepBack{}) : c.send(command::Step{});
    if (!control) continue;
    switch (key) {
      case SDLK_r: c.send(command::Reset{}); break;
      case SDLK_o: ui.show_open = true; break;
      case SDLK_e: ui.show_export = true; break;
      case SDLK_i: ui.show_go_to = true; break;
      case SDLK_b: ui.show_breakpoints = true; break;
      case SDLK_l: ui.show_labs = !ui.show_labs; break;
      case SDLK_PLUS:
      case SDLK_EQUALS:
      case SDLK_KP_PLUS: zoom_timeline(c, 0.5); break;
      case SDLK_MINUS:
      case SDLK_KP_MINUS: zoom_timeline(c, 2); break;
      case SDLK_0: ui.timeline_begin = ui.timeline_end = 0; break;
      case SDLK_1: ui.view = View::Compare; break;
      case SDLK_2: ui.view = View::Inspect; break;
      case SDLK_3: ui.view = View::Memory; break;
      case SDLK_g: ui.focus_go_to = true; break;
      default: break;
    }
  }
}

}  // namespace ringside::gui
