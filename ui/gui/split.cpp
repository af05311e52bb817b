#include "ui/gui/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ringside::gui {
namespace {

constexpr float kBorder = 4;  ///< unscaled pixels between two panes

/// A narrow window between the panes, in which the border is dragged; the panes follow in the next frame.
void border(Context& c, const char* name, Rect rect, bool upright, float begin, float extent, float share) {
  constexpr ImGuiWindowFlags kFlags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                      ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoSavedSettings |
                                      ImGuiWindowFlags_NoBackground;
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowMinSize, {1, 1});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
  ImGui::SetNextWindowPos({rect.x0, rect.y0});
  ImGui::SetNextWindowSize({rect.width(), rect.height()});
  const std::string full = fmt::format("split.{}", name);
  if (ImGui::Begin(full.c_str(), nullptr, kFlags)) {
    ImGui::InvisibleButton("border", {rect.width(), rect.height()});
    c.layout.add_pane(full, rect);
    c.layout.add(full);
    if (ImGui::IsItemHovered() || ImGui::IsItemActive())
      ImGui::SetMouseCursor(upright ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
    if (ImGui::IsItemActive()) {
      const float mouse = upright ? ImGui::GetIO().MousePos.x : ImGui::GetIO().MousePos.y;
      const float wanted = (mouse - begin) / extent;
      if (std::abs(wanted - share) * extent > kBorder / 2) {
        c.ui.splits[name] = std::clamp(wanted, kSmallestShare, kLargestShare);
      }
      ImGui::GetWindowDrawList()->AddRectFilled({rect.x0, rect.y0}, {rect.x1, rect.y1}, palette().accent);
    }
  }
  ImGui::End();
  ImGui::PopStyleVar(3);
}

float share_of(const Context& c, const char* name, float otherwise) {
  const auto it = c.ui.splits.find(name);
  return it == c.ui.splits.end() ? otherwise : it->second;
}

}  // namespace

Rect split_left(Context& c, Rect& rest, const char* name, float share) {
  const float gap = kBorder * c.ui.scale, width = rest.width();
  share = share_of(c, name, share);
  const float at = rest.x0 + width * share;
  border(c, name, {at, rest.y0, at + gap, rest.y1}, true, rest.x0, width, share);
  const Rect part{rest.x0, rest.y0, at, rest.y1};
  rest.x0 = at + gap;
  return part;
}

Rect split_top(Context& c, Rect& rest, const char* name, float share) {
  const float gap = kBorder * c.ui.scale, height = rest.height();
  share = share_of(c, name, share);
  const float at = rest.y0 + height * share;
  border(c, name, {rest.x0, at, rest.x1, at + gap}, false, rest.y0, height, share);
  const Rect part{rest.x0, rest.y0, rest.x1, at};
  rest.y0 = at + gap;
  return part;
}

Rect split_right(Context& c, Rect& rest, const char* name, float share) {
  const Rect left = split_left(c, rest, name, 1 - share);
  return std::exchange(rest, left);
}

Rect split_bottom(Context& c, Rect& rest, const char* name, float share) {
  const Rect top = split_top(c, rest, name, 1 - share);
  return std::exchange(rest, top);
}

Rect take_top(Rect& rest, float height) {
  const Rect part{rest.x0, rest.y0, rest.x1, std::min(rest.y1, rest.y0 + height)};
  rest.y0 = part.y1;
  return part;
}

Rect take_bottom(Rect& rest, float height) {
  const Rect part{rest.x0, std::max(rest.y0, rest.y1 - height), rest.x1, rest.y1};
  rest.y1 = part.y0;
  return part;
}

}  // namespace ringside::gui
