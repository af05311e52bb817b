// The two shapes that Dear ImGui's draw data consists of, filled into a picture.
//
// A pixel's colour depends on the shape alone and not on `clip`, so that a picture may be filled in parts.
#pragma once

#include <imgui.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ui/gui/picture.h"

namespace ringside::gui {

/// A texture's alpha.
struct Coverage {
  int width = 0, height = 0;
  std::vector<std::uint8_t> alpha;
};

/// Pixels [x0, x1) by [y0, y1).
struct PixelRect {
  int x0, y0, x1, y1;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
  PixelRect within(const PixelRect& o) const {
    return {std::max(x0, o.x0), std::max(y0, o.y0), std::min(x1, o.x1), std::min(y1, o.y1)};
  }
};

/// An axis-aligned rectangle of one colour, by its upper left and lower right corner: what text and most
/// fills consist of.
PixelRect rectangle_bounds(const ImDrawVert& a, const ImDrawVert& c);
void fill_rectangle(Picture&, const Coverage&, const ImDrawVert& a, const ImDrawVert& c,
                    const PixelRect& clip);

PixelRect triangle_bounds(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c);
void fill_triangle(Picture&, const Coverage&, const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c,
                   const PixelRect& clip);

}  // namespace ringside::gui
