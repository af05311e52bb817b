// One card per technique, all bars on a common scale: who pays how much, for what.
#include <fmt/format.h>

#include <algorithm>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

using model::LaneFrame;

constexpr std::size_t kBuckets = static_cast<std::size_t>(Bucket::kCount);
constexpr std::size_t kTopics = static_cast<std::size_t>(ExitTopic::kCount);

std::string_view subtitle(const LaneFrame& lane) {
  switch (lane.mode) {
    case Mode::Native: return "bare metal, the baseline";
    case Mode::Trap: return "ring compression, shadow page tables";
    case Mode::Para: return "hypercalls, direct page tables";
    case Mode::Hvm: return "VT-x (simulated), nested paging";
    case Mode::Kvm: return "the host's /dev/kvm";
  }
  return {};
}

double busy_per_instruction(const LaneFrame& lane) {
  return lane.instructions ? static_cast<double>(lane.attribution.total() - lane.attribution[Bucket::Idle]) /
                                 lane.instructions
                           : 0;
}

/// Cycles per instruction by bucket as one stacked bar; `scale` is the longest bar of all cards. Idle is left
/// out.
void stacked_bar(Context& c, const LaneFrame& lane, double scale, float width) {
  const float height = ImGui::GetTextLineHeight() * 1.2f;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled(at, {at.x + width, at.y + height}, palette().background);
  float x = at.x;
  for (std::size_t b = 0; b < kBuckets && lane.instructions; ++b) {
    const auto bucket = static_cast<Bucket>(b);
    if (bucket == Bucket::Idle) continue;
    const double cycles = static_cast<double>(lane.attribution[bucket]) / lane.instructions;
    const float w = scale > 0 ? static_cast<float>(cycles / scale) * width : 0;
    draw.AddRectFilled({x, at.y}, {x + w, at.y + height}, fill(bucket));
    const std::string_view label = name(bucket);
    if (ImGui::CalcTextSize(label.data(), label.data() + label.size()).x + 6 < w)
      draw.AddText({x + 3, at.y + height * 0.1f}, on_fill(), label.data(), label.data() + label.size());
    x += w;
  }
  ImGui::Dummy({width, height});
  c.layout.add(fmt::format("card.{}.bar", name(lane.mode)));
  if (!ImGui::IsItemHovered()) return;
  std::string words = "modelled cycles per guest instruction";
  for (std::size_t b = 0; b < kBuckets; ++b) {
    const auto bucket = static_cast<Bucket>(b);
    const double share =
        lane.instructions ? static_cast<double>(lane.attribution[bucket]) / lane.instructions : 0;
    words += fmt::format("\n{}: {:.3f}. {}", name(bucket), share, glossary(name(bucket)));
  }
  tooltip(words);
}

std::string_view topic_meaning(ExitTopic topic) {
  return glossary(topic == ExitTopic::Devices ? "device I/O"
                                              : name(topic));  // "devices" is a part of the cost, too
}

void topic_rows(Context& c, const LaneFrame& lane, u64 most, float width) {
  const float label = ImGui::CalcTextSize("system calls   ").x, number = ImGui::CalcTextSize("000 000 000").x;
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  for (std::size_t i = 0; i < kTopics; ++i) {
    const u64 count = lane.by_topic[i];
    if (static_cast<ExitTopic>(i) == ExitTopic::Errors && count == 0) continue;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    text_in(c.layout, "topic", name(static_cast<ExitTopic>(i)), count ? palette().text : palette().dim,
            label);
    tooltip(topic_meaning(static_cast<ExitTopic>(i)));
    const float room = width - label - number - 8;
    const float bar = most ? std::max(count ? 2.0f : 0.0f, room * static_cast<float>(count) / most) : 0;
    draw.AddRectFilled({at.x + label, at.y + 3}, {at.x + label + bar, at.y + ImGui::GetTextLineHeight() - 2},
                       fill(lane.mode));
    const std::string text = grouped(count);
    ImGui::SameLine(width - ImGui::CalcTextSize(text.c_str()).x + ImGui::GetStyle().WindowPadding.x);
    text_in(c.layout, "count", text, count ? palette().text : palette().dim, number);
  }
}

/// What the colours of the bars mean, where there are no exits to list.
void legend(Context& c, float width) {
  const float line = ImGui::GetTextLineHeight(), column = width / 2;
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  std::size_t shown = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    const auto bucket = static_cast<Bucket>(b);
    if (bucket == Bucket::Idle) continue;
    if (shown++ % 2) ImGui::SameLine(column + ImGui::GetStyle().WindowPadding.x);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    draw.AddRectFilled({at.x, at.y + 2}, {at.x + line - 4, at.y + line - 2}, fill(bucket));
    ImGui::SetCursorScreenPos({at.x + line, at.y});
    text_in(c.layout, fmt::format("legend.{}", name(bucket)).c_str(), name(bucket), palette().dim,
            column - line - 4);
    tooltip(glossary(name(bucket)));
  }
}

void card(Context& c, std::size_t index, Rect rect, double scale, u64 most) {
  const LaneFrame& lane = c.frame.lanes[index];
  const std::string pane = fmt::format("card.{}", name(lane.mode));
  if (!begin_pane(c.layout, pane.c_str(), std::string(title(lane.mode)).c_str(), rect,
                  ImGuiWindowFlags_NoTitleBar))
    return end_pane();
  const float width = ImGui::GetContentRegionAvail().x;
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  draw.AddRectFilled({rect.x0, rect.y0}, {rect.x1, rect.y0 + 3}, fill(lane.mode));
  text_in(c.layout, (pane + ".title").c_str(), title(lane.mode), text(lane.mode),
          width - ImGui::CalcTextSize("focused").x - 12);
  tooltip(glossary(name(lane.mode)));
  if (index == c.frame.focus) {
    ImGui::SameLine(width - ImGui::CalcTextSize("focused").x + ImGui::GetStyle().WindowPadding.x);
    ImGui::TextDisabled("focused");
  }
  if (lane.state == model::LaneState::Ended)
    text_in(c.layout, (pane + ".end").c_str(), lane.reason, palette().text);
  else
    text_in(c.layout, (pane + ".what").c_str(), subtitle(lane), palette().dim);
  if (lane.state == model::LaneState::Unavailable) {
    ImGui::Spacing();
    ImGui::PushTextWrapPos();
    ImGui::TextUnformatted("Unavailable:");
    ImGui::TextUnformatted(lane.reason.c_str());
    ImGui::PopTextWrapPos();
  } else {
    ImGui::PushFont(c.fonts.large);
    text_in(c.layout, (pane + ".overhead").c_str(),
            lane.overhead > 0 ? fmt::format("{:.2f}x", lane.overhead) : "-", palette().text, width * 0.4f);
    ImGui::PopFont();
    tooltip(glossary("overhead"));
    ImGui::SameLine();
    ImGui::BeginGroup();
    text_in(c.layout, (pane + ".exits").c_str(), fmt::format("{} exits", grouped(lane.exit_count)),
            palette().text);
    tooltip(glossary("exits"));
    text_in(c.layout, (pane + ".mips").c_str(),
            lane.mode == Mode::Kvm
                ? "not counted"
                : fmt::format("{} instructions", compact(static_cast<double>(lane.instructions))),
            palette().dim);
    tooltip(lane.mode == Mode::Kvm ? "The host's processor runs the guest: nobody counts its instructions"
                                   : fmt::format("{} guest instructions; measured on this host: {:.0f} MIPS",
                                                 grouped(lane.instructions), lane.measured_mips));
    ImGui::EndGroup();
    stacked_bar(c, lane, scale, width);
    ImGui::Spacing();
    if (lane.mode == Mode::Native) {
      text_in(c.layout, (pane + ".none").c_str(), "no monitor: nothing exits", palette().text);
      text_in(c.layout, (pane + ".legend").c_str(), "what the cycles are spent on:", palette().dim);
      legend(c, width);
    } else {
      topic_rows(c, lane, most, width);
    }
  }
  if (ImGui::IsWindowHovered() && ImGui::IsMouseClicked(0)) c.send(model::command::Focus{index});
  end_pane();
}

}  // namespace

std::string_view title(Mode mode) {
  switch (mode) {
    case Mode::Native: return "Native";
    case Mode::Trap: return "Trap and emulate";
    case Mode::Para: return "Paravirtual";
    case Mode::Hvm: return "Hardware-assisted";
    case Mode::Kvm: return "KVM";
  }
  return {};
}

void draw_mode_cards(Context& c, Rect rect) {
  if (c.frame.lanes.empty()) return;
  double scale = 0;
  u64 most = 0;
  for (const LaneFrame& lane : c.frame.lanes) {
    scale = std::max(scale, busy_per_instruction(lane));
    most = std::max(most, *std::max_element(lane.by_topic.begin(), lane.by_topic.end()));
  }
  const float width = rect.width() / static_cast<float>(c.frame.lanes.size());
  for (std::size_t i = 0; i < c.frame.lanes.size(); ++i) {
    const float x = rect.x0 + width * static_cast<float>(i);
    card(c, i, {x, rect.y0, x + width, rect.y1}, scale, most);
  }
}

}  // namespace ringside::gui
