// Where everybody sits: rings for a de-privileged guest, root and non-root side by side for VT-x.
#include <fmt/format.h>

#include <algorithm>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

struct Resident {
  int ring;
  std::string_view who;
  bool active;
};

void boxes(ImDrawList& draw, ImVec2 at, float width, float height, std::string_view heading,
           const std::vector<Resident>& residents, ImU32 colour) {
  const float line = ImGui::GetTextLineHeight();
  draw.AddText(at, palette().dim, heading.data(), heading.data() + heading.size());
  const float top = at.y + line + 4, step = (height - line - 4) / static_cast<float>(residents.size());
  for (std::size_t i = 0; i < residents.size(); ++i) {
    const Resident& r = residents[i];
    const ImVec2 a{at.x, top + step * static_cast<float>(i)},
        b{at.x + width, top + step * static_cast<float>(i + 1) - 4};
    draw.AddRectFilled(a, b, r.active ? colour : palette().background, 4);
    draw.AddRect(a, b, r.who.empty() ? palette().grid : colour, 4);
    const std::string text =
        fmt::format("{}: {}{}", r.ring, r.who.empty() ? "nobody" : r.who, r.active ? " ◀" : "");
    const ImU32 ink = r.active ? on_fill() : r.who.empty() ? palette().dim : palette().text;
    draw.PushClipRect(a, b, true);
    draw.AddText({a.x + 8, (a.y + b.y - line) / 2}, ink, text.c_str());
    draw.PopClipRect();
  }
}

}  // namespace

void draw_rings(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "rings", "Who sits in which ring", rect)) return end_pane();
  const model::LaneFrame* lane = c.focused();
  if (!lane || lane->state == model::LaneState::Unavailable) return end_pane();
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  const int cpl = static_cast<int>(lane->real.cpl());
  const ImU32 colour = fill(lane->mode);
  if (lane->deprivileged) {
    boxes(draw, at, room.x, room.y, "rings of the processor",
          {{3, "guest user", cpl == 3}, {2, "", false}, {1, "guest kernel", cpl == 1}, {0, "monitor", false}},
          colour);
  } else if (lane->non_root) {
    const float half = room.x / 2 - 4;
    boxes(draw, at, half, room.y, "non-root",
          {{3, "guest user", cpl == 3}, {2, "", false}, {1, "", false}, {0, "guest kernel", cpl == 0}},
          colour);
    boxes(draw, {at.x + half + 8, at.y}, half, room.y, "root",
          {{3, "", false}, {2, "", false}, {1, "", false}, {0, "monitor", false}}, colour);
  } else {
    boxes(draw, at, room.x, room.y, "rings of the processor",
          {{3, "user", cpl == 3}, {2, "", false}, {1, "", false}, {0, "kernel", cpl == 0}}, colour);
  }
  ImGui::Dummy(room);
  c.layout.add("rings.picture");
  tooltip(
      lane->deprivileged ? "Ring compression: the guest kernel believes it is in ring 0 and runs in ring 1."
      : lane->non_root   ? "VT-x: the guest has all four rings in non-root mode; the monitor is in root mode."
                         : "Bare metal: the kernel is in ring 0.");
  end_pane();
}

}  // namespace ringside::gui
