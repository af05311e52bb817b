// The lab panel: the question, a prediction, a tour whose steps tick themselves, and the lab's own steps with
// the points, reasons and hints of `ringside lab check`. "Show me" points at the widget that a step means.
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

/// What can be seen in this window on the way.
void tour(Context& c, const model::Lab& lab) {
  const bool open = ImGui::CollapsingHeader("On the screen", ImGuiTreeNodeFlags_DefaultOpen);
  c.layout.add("lab.tour");
  if (!open) return;
  for (std::size_t i = 0; i < lab.steps.size(); ++i) step(c, lab.steps[i], i);
  check(c, lab);
  const std::string answer = lab.answer(c.frame);
  if (answer.empty()) {
    wrapped("The run has not answered it yet.", palette().dim);
  } else {
    wrapped(fmt::format("The run says: {}", answer), palette().good);
    if (c.ui.prediction[0]) wrapped(fmt::format("You said: {}", c.ui.prediction), palette().text);
  }
}

void graded_step(Context& c, const labs::Step& s, const labs::StepResult* r, std::size_t index) {
  const bool done = r && r->done;
  const ImU32 colour = !r ? palette().text : done ? palette().good : palette().bad;
  wrapped(fmt::format("{} {} ({}{} points)",
                      done ? "✓"
                      : r  ? "✗"
                           : "○",
                      s.title, r ? fmt::format("{} of ", r->points) : "", s.points),
          colour);
  c.layout.add(fmt::format("lab.step.{}", s.id).c_str());
  if (done) return;
  if (r && !r->reason.empty()) wrapped(r->reason, palette().text);
  if (r && !r->hint.empty()) wrapped("Hint: " + r->hint, palette().dim);
  if (!s.expect.empty()) wrapped("Expected: " + s.expect, palette().dim);
  if (!s.show.empty() &&
      button(c.layout, fmt::format("lab.point{}", index).c_str(), "Show me", "Point at it"))
    c.ui.highlight = s.show;
}

/// The same steps and the same checks as `ringside lab check`.
void handed_in(Context& c, const labs::Definition& lab) {
  ImGui::Separator();
  wrapped("To hand in: " + fmt::format("{}", fmt::join(lab.files, ", ")), palette().accent);
  ImGui::SetNextItemWidth(-1);
  ImGui::InputTextWithHint("##folder", fmt::format("your folder: {}", lab.name).c_str(), c.ui.lab_folder,
                           sizeof c.ui.lab_folder);
  c.layout.add("lab.folder");
  const std::string folder = c.ui.lab_folder[0] ? c.ui.lab_folder : lab.name;
  if (button(c.layout, "lab.start", "Start", "Copy the starter into that folder", !c.labs.busy()))
    c.labs.start(lab, folder);
  ImGui::SameLine();
  if (button(c.layout, "lab.grade", "Check my work", "Build what is in that folder and check every step",
             !c.labs.busy()))
    c.labs.check(lab, folder);
  const labs::Grade* grade = c.labs.grade(lab);
  if (c.labs.busy()) wrapped("Checking ...", palette().dim);
  if (grade) {
    wrapped(fmt::format("{} of {} points", grade->points(), grade->most()),
            grade->points() == grade->most() ? palette().good : palette().text);
    c.layout.add("lab.points");
  }
  if (!c.labs.notice().empty()) {
    wrapped(c.labs.notice(), palette().text);
    c.layout.add("lab.notice");
  }
  for (std::size_t i = 0; i < lab.steps.size(); ++i)
    graded_step(c, lab.steps[i], grade ? &grade->steps[i] : nullptr, i);
  if (grade && !grade->output.empty()) {
    wrapped("What the compiler or your program said:", palette().accent);
    wrapped(grade->output, palette().text);
  }
}

}  // namespace

void draw_labs(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "labs", "Labs", rect)) return end_pane();
  const std::vector<labs::Definition>& all = c.labs.labs();
  if (all.empty()) {
    wrapped(c.labs.notice(), palette().bad);
    return end_pane();
  }
  c.ui.lab = std::min(c.ui.lab, all.size() - 1);
  const labs::Definition& lab = all[c.ui.lab];
  ImGui::SetNextItemWidth(-1);
  if (ImGui::BeginCombo("##lab", fmt::format("{} {}", lab.id, lab.title).c_str())) {
    for (std::size_t i = 0; i < all.size(); ++i)
      if (ImGui::Selectable(fmt::format("{} {}", all[i].id, all[i].title).c_str(), i == c.ui.lab)) {
        c.ui.lab = i;
        c.ui.lab_checked = false;
      }
    ImGui::EndCombo();
  }
  c.layout.add("lab.choose");
  wrapped(lab.question, palette().text);
  ImGui::Separator();
  const model::Lab* on_screen = model::find_tour(lab.id);
  wrapped(on_screen ? on_screen->prediction : std::string_view(lab.prediction), palette().accent);
  ImGui::SetNextItemWidth(-1);
  ImGui::InputTextWithHint("##prediction", "your prediction, before you run", c.ui.prediction,
                           sizeof c.ui.prediction);
  c.layout.add("lab.prediction");
  if (on_screen) tour(c, *on_screen);
  handed_in(c, lab);
  draw_highlight(c);
  end_pane();
}

}  // namespace ringside::gui
