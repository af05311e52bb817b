// One exit taken apart: the guest instruction that caused it, every step with its cycles, what the monitor
// did and where in the source, in plain words.
#include <fmt/format.h>

#include <algorithm>

#include "hypervisor/accounting/cost_profile.h"
#include "ui/gui/context.h"
#include "ui/model/diagnosis.h"
#include "ui/model/source_line.h"

namespace ringside::gui {
namespace {

struct Step {
  CostEvent event;
  u32 count, cycles;
};

std::vector<Step> steps(const ExitRecord& exit, const CostProfile& prices) {
  std::vector<Step> result;
  for (std::size_t i = 0; i < exit.events.size(); ++i) {
    const auto event = static_cast<CostEvent>(i);
    if (exit.events[i]) result.push_back({event, exit.events[i], exit.events[i] * prices[event]});
  }
  return result;
}

std::string_view why(const ExitReasonInfo& reason, Mode mode) {
  switch (mode) {
    case Mode::Trap: return reason.why_trap;
    case Mode::Para: return reason.why_para;
    default: return reason.why_hvm;
  }
}

/// What the exit is about, in words: the port, the control register, the address, the vector.
std::string about(const ExitRecord& exit) {
  const std::string detail = model::exit_detail(exit.reason, exit.detail);
  return detail.empty() ? detail : ", " + detail;
}

/// The text of the instruction at `eip`, if the windows have it.
std::string instruction_at(const model::LaneFrame& lane, u32 eip) {
  const auto& rows = lane.disassembly;
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.address == eip; });
  if (row != rows.end()) return fmt::format("{} {}", row->mnemonic, row->operands);
  const bool last = lane.events && !lane.events->empty() && lane.events->back().eip == eip;
  return last ? lane.last_exit_instruction : "";
}

void paragraph(Context& c, const char* name, std::string_view heading, std::string_view text) {
  if (text.empty()) return;
  ImGui::PushStyleColor(ImGuiCol_Text, palette().accent);
  ImGui::TextUnformatted(heading.data(), heading.data() + heading.size());
  ImGui::PopStyleColor();
  ImGui::PushTextWrapPos();
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
  ImGui::PopTextWrapPos();
  c.layout.add(name);
}

void cost_bar(const std::vector<Step>& parts, u32 total) {
  const float width = ImGui::GetContentRegionAvail().x, height = ImGui::GetTextLineHeight() * 1.2f;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  float x = at.x;
  for (const Step& s : parts) {
    const float w = total ? width * static_cast<float>(s.cycles) / static_cast<float>(total) : 0;
    ImGui::GetWindowDrawList()->AddRectFilled({x, at.y}, {x + std::max(0.0f, w - 1), at.y + height},
                                              fill(bucket(s.event)));
    x += w;
  }
  ImGui::Dummy({width, height});
}

void table(Context& c, const std::vector<Step>& parts, const CostProfile& prices) {
  if (!ImGui::BeginTable("steps", 4, ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) return;
  ImGui::TableSetupColumn("step", 0, 2.4f);
  ImGui::TableSetupColumn("times", 0, 0.6f);
  ImGui::TableSetupColumn("cycles", 0, 0.9f);
  ImGui::TableSetupColumn("paid under", 0, 1);
  header_row(c.layout);
  for (const Step& s : parts) {
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    text_in(c.layout, "step", name(s.event), palette().text);
    tooltip(prices.prices[static_cast<std::size_t>(s.event)].source);
    ImGui::TableSetColumnIndex(1);
    text_in(c.layout, "times", std::to_string(s.count), palette().dim);
    ImGui::TableSetColumnIndex(2);
    text_in(c.layout, "cycles", grouped(s.cycles), palette().text);
    ImGui::TableSetColumnIndex(3);
    text_in(c.layout, "bucket", name(bucket(s.event)), palette().dim);
    tooltip(glossary(name(bucket(s.event))));
  }
  ImGui::EndTable();
}

}  // namespace

void draw_anatomy(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "anatomy", "Anatomy of an exit", rect)) return end_pane();
  const ExitRecord* exit = nullptr;
  const model::LaneFrame* lane = nullptr;
  if (c.ui.selection && c.ui.selection->lane < c.frame.lanes.size()) {
    lane = &c.frame.lanes[c.ui.selection->lane];
    exit = &c.ui.selection->exit;
  } else if ((lane = c.focused()) && lane->events && !lane->events->empty()) {
    exit = &lane->events->back();
  }
  if (!exit) {
    ImGui::PushTextWrapPos();
    ImGui::TextUnformatted(
        "No exit yet. Run the guest (F5) or go to its next trap (F10), then click an exit in the list.");
    ImGui::PopTextWrapPos();
    c.layout.add("anatomy.empty");
    return end_pane();
  }
  const CostProfile& prices = cost_profile(c.frame.profile);
  const ExitReasonInfo& reason = info(exit->reason);
  const std::vector<Step> parts = steps(*exit, prices);
  u32 total = 0;
  for (const Step& s : parts) total += s.cycles;
  ImGui::PushFont(c.fonts.large);
  text_in(c.layout, "anatomy.reason", reason.name, text(lane->mode));
  ImGui::PopFont();
  text_in(c.layout, "anatomy.where",
          fmt::format("exit {} after {} instructions, in ring {}{}", grouped(exit->index),
                      grouped(exit->instruction), exit->cpl, about(*exit)),
          palette().dim);
  ImGui::PushFont(c.fonts.data);
  text_in(c.layout, "anatomy.instruction",
          fmt::format("{:08x}  {}", exit->eip, instruction_at(*lane, exit->eip)), palette().text);
  ImGui::PopFont();
  tooltip("The guest instruction at which the processor left the guest");
  paragraph(c, "anatomy.what", "What it is", reason.what);
  paragraph(c, "anatomy.why", "Why here", why(reason, lane->mode));
  paragraph(c, "anatomy.does", "What the monitor did", reason.monitor_does);
  text_in(c.layout, "anatomy.source",
          fmt::format("{}  {}", model::source_line(exit->handler), model::function_name(exit->handler)),
          palette().good);
  tooltip("The line of Ringside's own source that handled this exit: read it");
  ImGui::Spacing();
  text_in(c.layout, "anatomy.total", fmt::format("{} modelled cycles ({})", grouped(total), c.frame.profile),
          palette().text);
  cost_bar(parts, total);
  table(c, parts, prices);
  text_in(c.layout, "anatomy.manual", reason.manual, palette().dim);
  end_pane();
}

}  // namespace ringside::gui
