// "Why did it fault?": the questions that were asked about the page, with their answers, and what it cost.
#include <fmt/format.h>

#include <algorithm>

#include "ui/gui/context.h"
#include "ui/model/fault_story.h"

namespace ringside::gui {
namespace {

void wrapped(Context& c, const char* name, std::string_view text, ImU32 colour) {
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::PushTextWrapPos();
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
  ImGui::PopTextWrapPos();
  ImGui::PopStyleColor();
  c.layout.add(name);
}

std::string in_this_run(const model::LaneFrame& lane, ExitReason reason) {
  const auto it = std::find_if(lane.exits.begin(), lane.exits.end(),
                               [&](const ExitStatistics& s) { return s.reason == reason; });
  if (it == lane.exits.end() || it->samples == 0) return "none in this run";
  return fmt::format("{} in this run, {} cycles each on average", grouped(it->samples),
                     grouped(it->cycles / it->samples));
}

void decisions(Context& c, const model::LaneFrame& lane, const model::FaultStory& story) {
  for (std::size_t i = 0; i < story.decisions.size(); ++i) {
    const model::Decision& d = story.decisions[i];
    const bool asked = story.exit && i <= story.settled, settles = story.exit && i == story.settled;
    const bool answer = settles == d.ends_on;
    const std::string_view mark = !asked ? "" : answer ? "  yes" : "  no";
    wrapped(c, "fault.question", fmt::format("{}. {}{}", i + 1, d.question, mark),
            asked ? palette().text : palette().dim);
    ImGui::Indent();
    const std::string cost =
        d.exit ? fmt::format(" {}: {}.", info(*d.exit).name, in_this_run(lane, *d.exit)) : "";
    wrapped(c, settles ? "fault.outcome" : "fault.other",
            fmt::format("{} {} → {}{}", settles ? "▶" : " ", d.ends_on ? "yes" : "no", d.outcome, cost),
            settles ? palette().accent : palette().dim);
    ImGui::Unindent();
  }
}

}  // namespace

void draw_fault_reason(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "fault", "Why did it fault?", rect)) return end_pane();
  const model::LaneFrame* lane = c.focused();
  if (!lane) return end_pane();
  const bool chosen = c.ui.selection && c.ui.selection->lane == c.frame.focus;
  const auto story = model::why_did_it_fault(*lane, chosen ? &c.ui.selection->exit : nullptr);
  if (story.exit) {
    const ExitRecord& e = *story.exit;
    wrapped(c, "fault.where",
            fmt::format("Address {:08x}, touched by the instruction at {:08x} in the guest's ring {}: {} "
                        "modelled cycles.",
                        e.detail, e.eip, e.cpl, grouped(e.cycles)),
            palette().text);
    if (button(c.layout, "fault.walk", "Walk this address", "Show its page walk as the tables are now")) {
      *fmt::format_to_n(c.ui.walk, sizeof c.ui.walk - 1, "{:08x}", e.detail).out = 0;
      c.send(model::command::WalkAddress{e.detail});
    }
  } else {
    wrapped(
        c, "fault.none",
        lane->mode == Mode::Native
            ? "Bare metal: page faults go straight to the guest's own handler."
            : "No exit for a page has been recorded yet. Run the guest (F5), or go to its next trap (F10).",
        palette().text);
  }
  ImGui::Spacing();
  decisions(c, *lane, story);
  end_pane();
}

}  // namespace ringside::gui
