// The exits of the focused lane, newest last, filtered by any word in their row. A click selects one for the
// anatomy.
#include <fmt/format.h>

#include <algorithm>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

std::string row_text(const ExitRecord& e) {
  return fmt::format("{} {} eip={:08x} cpl={} detail={:x}", e.instruction, info(e.reason).name, e.eip, e.cpl,
                     e.detail);
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

void table(Context& c, const std::vector<const ExitRecord*>& rows) {
  if (!ImGui::BeginTable("events", 4,
                         ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp))
    return;
  ImGui::TableSetupScrollFreeze(0, 1);
  ImGui::TableSetupColumn("at", 0, 1.3f);
  ImGui::TableSetupColumn("exit", 0, 2.0f);
  ImGui::TableSetupColumn("eip", 0, 1.1f);
  ImGui::TableSetupColumn("cycles", 0, 0.95f);
  header_row(c.layout);
  ImGuiListClipper clipper;
  clipper.Begin(static_cast<int>(rows.size()));
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      const ExitRecord& e = *rows[static_cast<std::size_t>(i)];
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      const bool selected =
          c.ui.selection && c.ui.selection->lane == c.frame.focus && c.ui.selection->exit.index == e.index;
      if (ImGui::Selectable(fmt::format("{}##{}", grouped(e.instruction), e.index).c_str(), selected,
                            ImGuiSelectableFlags_SpanAllColumns)) {
        c.ui.selection = Selection{c.frame.focus, e};
        c.send(model::command::GoTo{e.eip});
      }
      if (i == clipper.DisplayStart) c.layout.add_row("events.first");
      ImGui::TableSetColumnIndex(1);
      text_in(c.layout, "exit", info(e.reason).name, palette().text);
      tooltip(info(e.reason).what);
      ImGui::TableSetColumnIndex(2);
      text_in(c.layout, "eip", fmt::format("{:08x}", e.eip), palette().dim);
      ImGui::TableSetColumnIndex(3);
      text_in(c.layout, "cycles", grouped(e.cycles), palette().dim);
    }
  }
  if (ImGui::GetScrollY() >= ImGui::GetScrollMaxY()) ImGui::SetScrollHereY(1);
  ImGui::EndTable();
}

}  // namespace

void draw_events(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "events", "Exits", rect)) return end_pane();
  const model::LaneFrame* lane = c.focused();
  if (!lane) return end_pane();
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x * 0.5f);
  ImGui::InputTextWithHint("##filter", "filter: cr, io, c0101…", c.ui.filter, sizeof c.ui.filter);
  c.layout.add("events.filter");
  tooltip(
      "Shows the rows that contain this text: a reason, an address, a number. The last 4096 exits are kept.");
  ImGui::SameLine();
  std::vector<const ExitRecord*> rows;
  for (const ExitRecord& e : *lane->events)
    if (!c.ui.filter[0] || contains_ignoring_case(row_text(e), c.ui.filter)) rows.push_back(&e);
  text_in(c.layout, "events.count", fmt::format("{} of {}", grouped(rows.size()), grouped(lane->exit_count)),
          palette().dim);
  ImGui::PushFont(c.fonts.data);
  if (lane->mode == Mode::Native)
    text_in(c.layout, "events.none", "Bare metal has no monitor: nothing exits.", palette().dim);
  else
    table(c, rows);
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
