// Traps over guest instructions, one lane per technique on a shared axis. A click takes every pane to that
// instruction; the wheel zooms, a right drag moves.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

struct Axis {
  double begin, end;
  float x0, x1;
  float to_x(double instruction) const {
    return x0 + static_cast<float>((instruction - begin) / (end - begin)) * (x1 - x0);
  }
  double to_instruction(float x) const { return begin + (x - x0) / (x1 - x0) * (end - begin); }
};

Axis make_axis(Context& c, float x0, float x1) {
  u64 last = 1;
  for (const auto& lane : c.frame.lanes) last = std::max(last, lane.instructions);
  double begin = c.ui.timeline_begin, end = c.ui.timeline_end;
  if (end <= begin) {
    begin = 0;
    end = static_cast<double>(last);
  }
  return {begin, std::max(end, begin + 1), x0, x1};
}

u64 total(const std::array<u32, static_cast<std::size_t>(ExitTopic::kCount)>& bucket) {
  u64 sum = 0;
  for (u32 n : bucket) sum += n;
  return sum;
}

/// Exits per pixel column, from the lane's buckets.
std::vector<u64> columns(const model::Timeline& timeline, const Axis& axis) {
  std::vector<u64> result(static_cast<std::size_t>(std::max(1.0f, axis.x1 - axis.x0)));
  for (std::size_t b = 0; b < timeline.buckets.size(); ++b) {
    const double from = static_cast<double>(b) * static_cast<double>(timeline.bucket_width);
    if (from + static_cast<double>(timeline.bucket_width) < axis.begin || from > axis.end) continue;
    const float x = axis.to_x(from), wide = axis.to_x(from + static_cast<double>(timeline.bucket_width)) - x;
    const auto first = static_cast<std::ptrdiff_t>(x - axis.x0),
               count = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(wide));
    for (std::ptrdiff_t i = first; i < first + count; ++i)
      if (i >= 0 && i < static_cast<std::ptrdiff_t>(result.size()))
        result[static_cast<std::size_t>(i)] =
            std::max(result[static_cast<std::size_t>(i)], total(timeline.buckets[b]));
  }
  return result;
}

void interact(Context& c, const Axis& axis) {
  if (!ImGui::IsItemHovered()) return;
  ImGuiIO& io = ImGui::GetIO();
  const double here = axis.to_instruction(io.MousePos.x);
  if (io.MouseWheel != 0) {
    const double factor = io.MouseWheel > 0 ? 0.7 : 1 / 0.7;
    c.ui.timeline_begin = std::max(0.0, here - (here - axis.begin) * factor);
    c.ui.timeline_end = here + (axis.end - here) * factor;
  }
  if (ImGui::IsMouseDragging(1)) {
    const double shift =
        std::min(axis.begin, io.MouseDelta.x / (axis.x1 - axis.x0) * (axis.end - axis.begin));
    c.ui.timeline_begin = axis.begin - shift;
    c.ui.timeline_end = axis.end - shift;
  }
  if (ImGui::IsMouseDoubleClicked(0))
    c.ui.timeline_begin = c.ui.timeline_end = 0;
  else if (ImGui::IsMouseClicked(0))
    c.send(model::command::Seek{static_cast<u64>(std::max(0.0, here))});
  tooltip(fmt::format(
      "guest instruction {}\nclick: go there · wheel: zoom · right drag: move · double click: all",
      grouped(static_cast<u64>(std::max(0.0, here)))));
}

/// Guest instructions along the axis, at round numbers and in one unit.
void ticks(ImDrawList& draw, const Axis& axis, float y) {
  constexpr double kMost = 6;
  double step = std::pow(10, std::floor(std::log10((axis.end - axis.begin) / kMost)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if ((axis.end - axis.begin) / (step * factor) <= kMost) {
      step *= factor;
      break;
    }
  step = std::max(step, 1.0);
  const auto [unit, word] = axis.end >= 2e9   ? std::pair{1e9, " G"}
                            : axis.end >= 2e6 ? std::pair{1e6, " M"}
                            : axis.end >= 2e4 ? std::pair{1e3, " k"}
                                              : std::pair{1.0, ""};
  const int digits = std::max(0, static_cast<int>(std::ceil(std::log10(unit / step) - 1e-9)));
  for (double at = std::ceil(axis.begin / step) * step; at <= axis.end; at += step) {
    const std::string label = at > 0 ? fmt::format("{:.{}f}{}", at / unit, digits, word) : "0";
    const float width = ImGui::CalcTextSize(label.c_str()).x;
    const float x = std::clamp(axis.to_x(at) - width / 2, axis.x0, axis.x1 - width);
    draw.AddText({x, y}, palette().dim, label.c_str());
  }
}

}  // namespace

void draw_timeline(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "timeline", "Trap timeline: exits along the guest's instructions", rect))
    return end_pane();
  const float label = ImGui::CalcTextSize("Hardware-assisted ").x, line = ImGui::GetTextLineHeight();
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  const Axis axis = make_axis(c, at.x + label, at.x + room.x - 4);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const float axis_height = line + 2;
  std::vector<const model::LaneFrame*> shown;
  for (const auto& lane : c.frame.lanes)
    if (lane.mode != Mode::Native && lane.mode != Mode::Kvm)  // KVM does not know at which instruction
      shown.push_back(&lane);
  const float lane_height =
      (room.y - axis_height) / static_cast<float>(std::max<std::size_t>(1, shown.size()));
  std::vector<std::vector<u64>> data;
  u64 most = 1;
  for (const auto* lane : shown) {
    data.push_back(columns(*lane->timeline, axis));
    most = std::max(most, *std::max_element(data.back().begin(), data.back().end()));
  }
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const float y0 = at.y + lane_height * static_cast<float>(i), y1 = y0 + lane_height - 3;
    const std::string_view name = title(shown[i]->mode);
    draw.AddText({at.x, (y0 + y1 - line) / 2}, text(shown[i]->mode), name.data(), name.data() + name.size());
    draw.AddRectFilled({axis.x0, y0}, {axis.x1, y1}, palette().background);
    for (std::size_t x = 0; x < data[i].size(); ++x) {
      if (!data[i][x]) continue;
      const float height =
          std::max(2.0f, (y1 - y0) * static_cast<float>(data[i][x]) / static_cast<float>(most));
      draw.AddRectFilled({axis.x0 + static_cast<float>(x), y1 - height},
                         {axis.x0 + static_cast<float>(x) + 1, y1}, fill(shown[i]->mode));
    }
    const float here = axis.to_x(static_cast<double>(shown[i]->instructions));
    if (here >= axis.x0 && here <= axis.x1) draw.AddLine({here, y0}, {here, y1}, palette().text, 1.5f);
  }
  ticks(draw, axis, at.y + room.y - axis_height + 2);
  ImGui::SetCursorScreenPos({axis.x0, at.y});
  ImGui::InvisibleButton("timeline",
                         {std::max(1.0f, axis.x1 - axis.x0), std::max(1.0f, room.y - axis_height)});
  c.layout.add("timeline.area");
  interact(c, axis);
  end_pane();
}

}  // namespace ringside::gui
