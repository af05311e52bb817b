// The lab panel: the question, a prediction, steps that tick themselves, and "show me" for the widget that a
// step means.
#include <fmt/format.h>

#include "ui/gui/context.h"
#include "ui/model/labs.h"

namespace ringside::gui {
namespace {

void wrapped(std::string_view text, ImU32 colour) {
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::PushTextWrapPos();
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
  ImGui::PopTextWrapPos();
  ImGui::PopStyleColor();
}

void step(Context& c, const model::LabStep& s, std::size_t index) {
  const bool done = s.done(c.frame);
  wrapped(fmt::format("{} {}", done ? "✓" : "○", s.text), done ? palette().good : palette().text);
  if (done) return;
  wrapped(s.hint, palette().dim);
  if (button(c.layout, fmt::format("lab.show{}", index).c_str(), "Show me", "Point at it"))
    c.ui.highlight = s.show;
}

/// What is still missing, and why.
void check(Context& c, const model::Lab& lab) {
  if (button(c.layout, "lab.check", "Check", "Is the lab done? If not, what is missing"))
    c.ui.lab_checked = true;
  if (!c.ui.lab_checked) return;
  std::size_t done = 0;
  const model::LabStep* missing = nullptr;
  for (const model::LabStep& s : lab.steps) {
    const bool ok = s.done(c.frame);
    done += ok;
    if (!ok && !missing) missing = &s;
  }
  const bool predicted = c.ui.prediction[0];
  if (!missing && predicted)
    wrapped(fmt::format("✓ Done: {} of {} steps, and a prediction to compare.", done, lab.steps.size()),
            palette().good);
  else if (missing)
    wrapped(
        fmt::format("Not yet, {} of {} steps: {}. {}", done, lab.steps.size(), missing->text, missing->hint),
        palette().bad);
  else
    wrapped("The steps are done. Write down a prediction: that is where the learning is.", palette().bad);
  c.layout.add(!missing && predicted ? "lab.passed" : "lab.missing");
}

/// A frame around the widget that "show me" was asked for, until it is clicked.
void draw_highlight(Context& c) {
  const Layout::Item* item = c.layout.find(c.ui.highlight);
  Rect rect;
  if (item)
    rect = item->rect;
  else if (const auto pane = c.layout.panes().find(c.ui.highlight); pane != c.layout.panes().end())
    rect = pane->second;
  else
    return;
  ImGui::GetForegroundDrawList()->AddRect({rect.x0 - 3, rect.y0 - 3}, {rect.x1 + 3, rect.y1 + 3},
                                          palette().bad, 4, 0, 3);
  if (ImGui::IsMouseClicked(0) && ImGui::IsMouseHoveringRect({rect.x0, rect.y0}, {rect.x1, rect.y1}, false))
    c.ui.highlight.clear();
}

}  // namespace

void draw_labs(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "labs", "Labs", rect)) return end_pane();
  const auto all = model::labs();
  c.ui.lab = std::min(c.ui.lab, all.size() - 1);
  const model::Lab& lab = all[c.ui.lab];
  ImGui::SetNextItemWidth(-1);
  if (ImGui::BeginCombo("##lab", fmt::format("{}. {}", c.ui.lab + 1, lab.title).c_str())) {
    for (std::size_t i = 0; i < all.size(); ++i)
      if (ImGui::Selectable(fmt::format("{}. {}", i + 1, all[i].title).c_str(), i == c.ui.lab)) {
        c.ui.lab = i;
        c.ui.lab_checked = false;
      }
    ImGui::EndCombo();
  }
  c.layout.add("lab.choose");
  wrapped(lab.question, palette().text);
  ImGui::Separator();
  wrapped(lab.prediction, palette().accent);
  ImGui::SetNextItemWidth(-1);
  ImGui::InputTextWithHint("##prediction", "your prediction, before you run", c.ui.prediction,
                           sizeof c.ui.prediction);
  c.layout.add("lab.prediction");
  ImGui::Separator();
  for (std::size_t i = 0; i < lab.steps.size(); ++i) step(c, lab.steps[i], i);
  check(c, lab);
  ImGui::Separator();
  const std::string answer = lab.answer(c.frame);
  if (answer.empty()) {
    wrapped("The run has not answered it yet.", palette().dim);
  } else {
    wrapped(fmt::format("The run says: {}", answer), palette().good);
    if (c.ui.prediction[0]) wrapped(fmt::format("You said: {}", c.ui.prediction), palette().text);
  }
  draw_highlight(c);
  end_pane();
}

}  // namespace ringside::gui
