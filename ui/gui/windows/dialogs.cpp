// The small windows: open a guest, breakpoints, the key map.
#include <fmt/format.h>

#include <cstdlib>

#include "hypervisor/exit_reason.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

using Kind = model::command::AddBreakpoint::Kind;
constexpr std::array<std::pair<Kind, const char*>, 5> kKinds{{{Kind::Address, "address"},
                                                              {Kind::Port, "port"},
                                                              {Kind::Memory, "memory written"},
                                                              {Kind::Reason, "exit reason"},
                                                              {Kind::Cr3, "CR3 changes"}}};

constexpr std::array<std::pair<const char*, const char*>, 14> kKeys{
    {{"F5", "run or pause"},
     {"Shift+F5", "stop and reset"},
     {"F9", "breakpoint at the current instruction"},
     {"F10", "to the next trap"},
     {"F11", "step one instruction"},
     {"Shift+F11", "step back"},
     {"Ctrl+R", "reset"},
     {"Ctrl+G", "go to an address"},
     {"Ctrl+B", "breakpoints"},
     {"Ctrl+O", "open a guest"},
     {"Ctrl+1 2 3", "Compare, Inspect, Memory"},
     {"Ctrl+L", "lab panel"},
     {"Tab, arrows, Space", "every control by keyboard"},
     {"F1", "this list"}}};

bool dialog(Context& c, const char* name, const char* title, bool* open) {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Appearing, {0.5f, 0.5f});
  const bool visible = ImGui::Begin(
      fmt::format("{}###{}", title, name).c_str(), open,
      ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoCollapse);
  const ImVec2 at = ImGui::GetWindowPos(), extent = ImGui::GetWindowSize();
  c.layout.add_pane(name, {at.x, at.y, at.x + extent.x, at.y + extent.y});
  return visible;
}

void open_dialog(Context& c) {
  if (dialog(c, "open", "Open a guest", &c.ui.show_open)) {
    ImGui::TextUnformatted(
        "A Multiboot ELF32 kernel, a flat binary or a boot sector.\nDropping a file on the window does the "
        "same.");
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 30);
    const bool entered =
        ImGui::InputTextWithHint("##path", "path or name of a built-in guest", c.ui.open_path,
                                 sizeof c.ui.open_path, ImGuiInputTextFlags_EnterReturnsTrue);
    c.layout.add("open.path");
    ImGui::SameLine();
    if (button(c.layout, "open.go", "Open", "Boot it in every mode") || entered) {
      c.send(model::command::Open{c.ui.open_path});
      c.ui.show_open = false;
    }
    if (c.frame.message_is_error)
      text_in(c.layout, "open.error", c.frame.message, palette().bad, ImGui::GetFontSize() * 36);
  }
  ImGui::End();
}

void add_row(Context& c) {
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * 9);
  if (ImGui::BeginCombo("##kind", kKinds[static_cast<std::size_t>(c.ui.breakpoint_kind)].second)) {
    for (std::size_t i = 0; i < kKinds.size(); ++i)
      if (ImGui::Selectable(kKinds[i].second)) c.ui.breakpoint_kind = static_cast<int>(i);
    ImGui::EndCombo();
  }
  const Kind kind = kKinds[static_cast<std::size_t>(c.ui.breakpoint_kind)].first;
  ImGui::SameLine();
  if (kind == Kind::Reason) {
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 14);
    if (ImGui::BeginCombo("##reason", "when ...")) {
      for (const ExitReasonInfo& row : exit_reasons())
        if (ImGui::Selectable(std::string(row.name).c_str()))
          c.send(model::command::AddBreakpoint{kind, static_cast<u32>(row.reason)});
      ImGui::EndCombo();
    }
    return;
  }
  if (kind != Kind::Cr3) {
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 7);
    ImGui::InputTextWithHint("##value", "hexadecimal", c.ui.breakpoint_value, sizeof c.ui.breakpoint_value,
                             ImGuiInputTextFlags_CharsHexadecimal);
    c.layout.add("breakpoints.value");
    ImGui::SameLine();
  }
  if (button(c.layout, "breakpoints.add", "Add", "Stop there") &&
      (kind == Kind::Cr3 || c.ui.breakpoint_value[0]))
    c.send(model::command::AddBreakpoint{kind,
                                         static_cast<u32>(std::strtoul(c.ui.breakpoint_value, nullptr, 16))});
}

void breakpoints_dialog(Context& c) {
  if (dialog(c, "breakpoints", "Breakpoints", &c.ui.show_breakpoints)) {
    add_row(c);
    for (const auto& b : c.frame.breakpoints) {
      ImGui::PushID(static_cast<int>(b.id));
      if (button(c.layout, "breakpoints.remove", "Remove", ""))
        c.send(model::command::RemoveBreakpoint{b.id});
      ImGui::SameLine();
      ImGui::TextUnformatted(b.text.c_str());
      ImGui::PopID();
    }
    if (c.frame.breakpoints.empty())
      ImGui::TextDisabled("none; a click on a row of the disassembly sets one");
  }
  ImGui::End();
}

void keys_dialog(Context& c) {
  if (dialog(c, "keys", "Keys", &c.ui.show_keys) && ImGui::BeginTable("keys", 2)) {
    for (auto [key, what] : kKeys) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      ImGui::TextUnformatted(key);
      ImGui::TableSetColumnIndex(1);
      ImGui::TextUnformatted(what);
    }
    ImGui::EndTable();
  }
  ImGui::End();
}

}  // namespace

void draw_dialogs(Context& c) {
  if (c.ui.show_open) open_dialog(c);
  if (c.ui.show_breakpoints) breakpoints_dialog(c);
  if (c.ui.show_keys) keys_dialog(c);
}

}  // namespace ringside::gui
