// Every page frame of the machine as a small square, by use. Squares have colours; the legend has words and
// numbers, and the pointer names each one.
#include "ui/model/frame_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

using model::FrameMap;
using model::FrameUse;
constexpr std::size_t kUses = static_cast<std::size_t>(FrameUse::kCount);

ImU32 colour(FrameUse use) {
  switch (use) {
    case FrameUse::Unmapped: return palette().grid;
    case FrameUse::Untouched: return palette().selection;
    case FrameUse::NotBacked: return palette().background;
    case FrameUse::Kernel: return fill(Bucket::Tlb);
    case FrameUse::User: return fill(Bucket::Guest);
    case FrameUse::Traced: return fill(Bucket::Switches);
    case FrameUse::PageTable: return fill(Bucket::Delivery);
    case FrameUse::PageDirectory: return palette().text;
    case FrameUse::MonitorUsed: return fill(Bucket::Monitor);
    case FrameUse::MonitorFree: return palette().dim;
    case FrameUse::kCount: break;
  }
  return 0;
}

/// How many columns, and frames to a square, so that all of them fit.
struct Grid {
  std::size_t columns = 1, per_square = 1;
  float side = 1, height = 1;
};
Grid fit(std::size_t frames, float width, float height) {
  constexpr float kSmallest = 4;
  Grid grid;
  for (;; ++grid.per_square) {
    const std::size_t squares = (frames + grid.per_square - 1) / grid.per_square;
    grid.side = std::floor(std::sqrt(width * height / static_cast<float>(squares)));
    for (; grid.side >= kSmallest; --grid.side) {
      grid.columns = std::max<std::size_t>(1, static_cast<std::size_t>(width / grid.side));
      const auto rows = static_cast<float>((squares + grid.columns - 1) / grid.columns);
      if (rows * grid.side > height) continue;
      grid.height = std::clamp(std::floor(height / rows), grid.side, grid.side * 1.5f);  // use what is left
      return grid;
    }
  }
}

void legend(Context& c, const FrameMap& map) {
  const float width = ImGui::GetContentRegionAvail().x, line = ImGui::GetTextLineHeight();
  const float column = ImGui::CalcTextSize("monitor's, free 00 000").x + line * 2;
  float x = 0;
  for (std::size_t i = 0; i < kUses; ++i) {
    if (!map.counts[i]) continue;
    const auto use = static_cast<FrameUse>(i);
    if (x > 0 && x + column <= width) ImGui::SameLine(x + ImGui::GetStyle().WindowPadding.x);
    if (x + column > width) x = 0;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList& draw = *ImGui::GetWindowDrawList();
    draw.AddRectFilled({at.x, at.y + 2}, {at.x + line - 4, at.y + line - 2}, colour(use));
    draw.AddRect({at.x, at.y + 2}, {at.x + line - 4, at.y + line - 2}, palette().dim);
    ImGui::SetCursorScreenPos({at.x + line + 2, at.y});
    text_in(c.layout, fmt::format("frames.{}", name(use)).c_str(),
            fmt::format("{} {}", name(use), grouped(map.counts[i])), palette().text, column - line - 6);
    tooltip(explain(use));
    x += column;
  }
}

void squares(Context& c, const FrameMap& map) {
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  if (room.x < 8 || room.y < 8) return;
  const Grid grid = fit(map.frames.size(), room.x, room.y);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const std::size_t count = (map.frames.size() + grid.per_square - 1) / grid.per_square;
  // The most telling use of a square's frames is the one that comes last in the enumeration.
  const auto use_of = [&](std::size_t square) {
    const auto begin = map.frames.begin() + static_cast<std::ptrdiff_t>(square * grid.per_square);
    const auto end = map.frames.begin() +
                     static_cast<std::ptrdiff_t>(std::min(map.frames.size(), (square + 1) * grid.per_square));
    return *std::max_element(begin, end);
  };
  const float gap = grid.side >= 6 ? 1 : 0;
  for (std::size_t i = 0; i < count;) {  // a run of equal squares in a row is drawn at once
    const std::size_t row = i / grid.columns, column = i % grid.columns;
    const FrameUse use = use_of(i);
    std::size_t length = 1;
    while (i + length < count && column + length < grid.columns && use_of(i + length) == use) ++length;
    const float x = at.x + static_cast<float>(column) * grid.side,
                y = at.y + static_cast<float>(row) * grid.height;
    draw.AddRectFilled({x, y}, {x + static_cast<float>(length) * grid.side - gap, y + grid.height - gap},
                       colour(use));
    i += length;
  }
  ImGui::InvisibleButton("frames", room);
  c.layout.add("frames.map");
  if (!ImGui::IsItemHovered()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const auto column = static_cast<std::size_t>((mouse.x - at.x) / grid.side),
             row = static_cast<std::size_t>((mouse.y - at.y) / grid.height);
  const std::size_t square = row * grid.columns + column;
  if (column >= grid.columns || square >= count) return;
  const std::size_t frame = square * grid.per_square;
  const std::string whose = frame < map.first_guest_frame
                                ? "the monitor's"
                                : fmt::format("guest frame {:x}", frame - map.first_guest_frame);
  tooltip(fmt::format("machine frame {:x}, {}: {}\n{}", frame, whose, name(use_of(square)),
                      explain(use_of(square))));
}

}  // namespace

void draw_frame_map(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "frames", "Page frames of the machine, by use", rect)) return end_pane();
  if (const auto* lane = c.focused(); lane && lane->frame_map) {
    legend(c, *lane->frame_map);
    ImGui::Spacing();
    squares(c, *lane->frame_map);
  }
  end_pane();
}

}  // namespace ringside::gui
