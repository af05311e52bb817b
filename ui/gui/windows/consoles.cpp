// The guests' consoles side by side, and a line to type into one or all of them.
#include <fmt/format.h>

#include "ui/gui/context.h"

namespace ringside::gui {

void draw_consoles(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "consoles", "Consoles", rect, ImGuiWindowFlags_NoTitleBar)) return end_pane();
  const float input_height = ImGui::GetFrameHeightWithSpacing() + 2;
  const std::size_t count = std::max<std::size_t>(1, c.frame.lanes.size());
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float width =
      (room.x - ImGui::GetStyle().ItemSpacing.x * static_cast<float>(count - 1)) / static_cast<float>(count);
  for (std::size_t i = 0; i < c.frame.lanes.size(); ++i) {
    const auto& lane = c.frame.lanes[i];
    if (i) ImGui::SameLine();
    ImGui::BeginChild(fmt::format("console{}", i).c_str(), {width, room.y - input_height}, true);
    text_in(c.layout, "console.title", fmt::format("Console: {}", title(lane.mode)), text(lane.mode));
    ImGui::PushFont(c.fonts.data);
    ImGui::BeginChild("text");
    ImGui::PushTextWrapPos();
    ImGui::TextUnformatted(lane.console.data(), lane.console.data() + lane.console.size());
    ImGui::PopTextWrapPos();
    if (ImGui::GetScrollY() >= ImGui::GetScrollMaxY() - ImGui::GetTextLineHeight() * 2)
      ImGui::SetScrollHereY(1);
    ImGui::EndChild();
    ImGui::PopFont();
    ImGui::EndChild();
  }
  const float button_room = ImGui::CalcTextSize("all guestsSend").x + ImGui::GetFrameHeight() * 3.2f;
  ImGui::SetNextItemWidth(room.x - button_room);
  const bool entered =
      ImGui::InputTextWithHint("##type", "type to the guest's shell, Enter sends the line", c.ui.typed,
                               sizeof c.ui.typed, ImGuiInputTextFlags_EnterReturnsTrue);
  c.layout.add("consoles.input");
  if (entered) ImGui::SetKeyboardFocusHere(-1);
  ImGui::SameLine();
  const bool pressed = button(c.layout, "consoles.send", "Send", "Send the line to the guest");
  ImGui::SameLine();
  ImGui::Checkbox("all guests", &c.ui.type_to_all);
  c.layout.add("consoles.all");
  tooltip("On: every guest gets the line. Off: only the focused one.");
  if (entered || pressed) {
    c.send(model::command::Type{std::string(c.ui.typed) + "\n", c.ui.type_to_all});
    c.ui.typed[0] = 0;
  }
  end_pane();
}

}  // namespace ringside::gui
