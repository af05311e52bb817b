// Guest code around the current instruction. Marks have a shape as well as a colour: > current, ● has
// trapped, ▲ sensitive and silent, ■ breakpoint.
#include <fmt/format.h>

#include <cstdlib>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

/// "dword [esp + 8]": what Capstone says without its "ptr", which costs room and says nothing.
std::string operands(const model::DisassemblyRow& row) {
  std::string text = row.operands;
  constexpr std::string_view kNoise = "ptr ";
  for (std::size_t at; (at = text.find(kNoise)) != std::string::npos;) text.erase(at, kNoise.size());
  return text;
}

void note(Context& c, const model::DisassemblyRow& row) {
  if (row.silent) {
    text_in(c.layout, "note", "▲ silent", palette().bad);
    tooltip(glossary("silent"));
  } else if (row.traps) {
    text_in(c.layout, "note", "● traps", palette().warning);
    tooltip("This instruction has caused an exit in this run.");
  } else if (!row.symbol.empty()) {
    text_in(c.layout, "note", row.symbol, palette().accent);
  }
}

void controls(Context& c) {
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("00000000000").x);
  if (c.ui.focus_go_to) ImGui::SetKeyboardFocusHere();
  c.ui.focus_go_to = false;
  const bool entered =
      ImGui::InputTextWithHint("##goto", "address", c.ui.go_to, sizeof c.ui.go_to,
                               ImGuiInputTextFlags_CharsHexadecimal | ImGuiInputTextFlags_EnterReturnsTrue);
  c.layout.add("disassembly.goto");
  tooltip("Go to a hexadecimal linear address (Ctrl+G)");
  if (entered && c.ui.go_to[0])
    c.send(model::command::GoTo{static_cast<u32>(std::strtoul(c.ui.go_to, nullptr, 16))});
  ImGui::SameLine();
  if (button(c.layout, "disassembly.follow", "Follow", "Keep the current instruction in view")) {
    c.ui.go_to[0] = 0;
    c.send(model::command::Follow{});
  }
  ImGui::SameLine();
  if (const auto* lane = c.focused())
    text_in(c.layout, "disassembly.where", fmt::format("{}  {}", title(lane->mode), lane->current_function),
            palette().dim);
}

void toggle_breakpoint(Context& c, const model::DisassemblyRow& row) {
  const std::string wanted = model::describe({model::command::AddBreakpoint::Kind::Address, row.address});
  for (const auto& b : c.frame.breakpoints)
    if (b.text == wanted) return c.send(model::command::RemoveBreakpoint{b.id});
  c.send(model::command::AddBreakpoint{model::command::AddBreakpoint::Kind::Address, row.address});
}

}  // namespace

void draw_disassembly(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "disassembly", "Disassembly of the guest", rect)) return end_pane();
  controls(c);
  const model::LaneFrame* lane = c.focused();
  const ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_SizingFixedFit;
  ImGui::PushFont(c.fonts.data);
  const float em = ImGui::CalcTextSize("0").x;
  const bool roomy = rect.width() > em * 84;  // bytes are the first thing to go where it is narrow
  if (lane && ImGui::BeginTable(roomy ? "code with bytes" : "code", roomy ? 5 : 4, flags)) {
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("", 0, em * 2);
    ImGui::TableSetupColumn("address", 0, em * 9);
    if (roomy) ImGui::TableSetupColumn("bytes", 0, em * 20);
    ImGui::TableSetupColumn("instruction", ImGuiTableColumnFlags_WidthStretch);
    ImGui::TableSetupColumn("note", 0, em * (roomy ? 16 : 8));
    header_row(c.layout);
    const u32 here = lane->guest.seg[CS].base + lane->guest.eip;
    for (const auto& row : lane->disassembly) {
      ImGui::TableNextRow();
      const bool current = row.address == here;
      const ImU32 background = current      ? palette().current_row
                               : row.silent ? palette().silent_row
                               : row.traps  ? palette().trapping_row
                                            : 0;
      if (background) ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg0, background);
      ImGui::TableSetColumnIndex(0);
      const char* mark = row.breakpoint ? "■" : current ? "▶" : " ";
      if (ImGui::Selectable(fmt::format("{}##{:x}", mark, row.address).c_str(), false,
                            ImGuiSelectableFlags_SpanAllColumns))
        toggle_breakpoint(c, row);
      if (current) c.layout.add_row("disassembly.current");
      ImGui::TableNextColumn();
      text_in(c.layout, "address", fmt::format("{:08x}", row.address), palette().dim);
      if (roomy) {
        ImGui::TableNextColumn();
        text_in(c.layout, "bytes", row.bytes, palette().dim);
      }
      ImGui::TableNextColumn();
      text_in(c.layout, "instruction", fmt::format("{:<7} {}", row.mnemonic, operands(row)), palette().text);
      ImGui::TableNextColumn();
      note(c, row);
    }
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
