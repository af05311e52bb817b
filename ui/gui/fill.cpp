#include "ui/gui/fill.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace ringside::gui {
namespace {

std::uint32_t blend(std::uint32_t below, std::uint32_t colour, std::uint32_t alpha) {
  if (alpha >= 255) return colour | 0xFF000000u;
  const std::uint32_t rest = 255 - alpha;
  const std::uint32_t red_blue = ((colour & 0xFF00FF) * alpha + (below & 0xFF00FF) * rest + 0x800080) >> 8;
  const std::uint32_t green = ((colour & 0xFF00) * alpha + (below & 0xFF00) * rest + 0x8000) >> 8;
  return 0xFF000000u | (red_blue & 0xFF00FF) | (green & 0xFF00);
}

/// Bilinear sample, 0-1.
float sample(const Coverage& texture, float u, float v) {
  const float x = u * texture.width - 0.5f, y = v * texture.height - 0.5f;
  const int x0 = static_cast<int>(std::floor(x)), y0 = static_cast<int>(std::floor(y));
  const float fx = x - x0, fy = y - y0;
  const auto at = [&](int column, int row) {
    column = std::clamp(column, 0, texture.width - 1);
    row = std::clamp(row, 0, texture.height - 1);
    return static_cast<float>(texture.alpha[static_cast<std::size_t>(row) * texture.width + column]);
  };
  const float top = at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx;
  const float bottom = at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx;
  return (top * (1 - fy) + bottom * fy) / 255.0f;
}

std::uint32_t scaled_alpha(ImU32 colour, float coverage) {
  return static_cast<std::uint32_t>(coverage * static_cast<float>(colour >> 24) + 0.5f);
}

bool same_uv(const ImDrawVert& a, const ImDrawVert& b) { return a.uv.x == b.uv.x && a.uv.y == b.uv.y; }

struct Texel {
  int x, y;  ///< add to a pixel's position to get the texel's
};

/// Where a glyph lies in the texture if its pixels and the texels fall on each other, as almost all text
/// does.
std::optional<Texel> texel_origin(const Coverage& texture, const ImDrawVert& a, const ImDrawVert& c) {
  constexpr float kTolerance = 0.01f;
  const float u0 = a.uv.x * texture.width, v0 = a.uv.y * texture.height;
  const float wide = c.uv.x * texture.width - u0, high = c.uv.y * texture.height - v0;
  const float dx = u0 - a.pos.x, dy = v0 - a.pos.y;
  const bool same_size =
      std::abs(wide - (c.pos.x - a.pos.x)) < kTolerance && std::abs(high - (c.pos.y - a.pos.y)) < kTolerance;
  if (!same_size || std::abs(dx - std::round(dx)) > kTolerance || std::abs(dy - std::round(dy)) > kTolerance)
    return std::nullopt;
  return Texel{static_cast<int>(std::round(dx)), static_cast<int>(std::round(dy))};
}

void copy_glyph(Picture& picture, const Coverage& texture, ImU32 colour, const PixelRect& r, Texel origin) {
  const std::uint32_t alpha = colour >> 24;
  const int x0 = std::max(r.x0, -origin.x), x1 = std::min(r.x1, texture.width - origin.x);
  const int y0 = std::max(r.y0, -origin.y), y1 = std::min(r.y1, texture.height - origin.y);
  for (int y = y0; y < y1; ++y) {
    std::uint32_t* row = &picture.pixels[static_cast<std::size_t>(y) * picture.width];
    const std::uint8_t* texels = &texture.alpha[static_cast<std::size_t>(y + origin.y) * texture.width];
    for (int x = x0; x < x1; ++x)
      if (const std::uint32_t coverage = texels[x + origin.x])
        row[x] = blend(row[x], colour, alpha == 255 ? coverage : (coverage * alpha + 127) / 255);
  }
}

ImU32 interpolate(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c, float wa, float wb,
                  float wc) {
  ImU32 colour = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    const float channel =
        wa * ((a.col >> shift) & 255) + wb * ((b.col >> shift) & 255) + wc * ((c.col >> shift) & 255) + 0.5f;
    colour |= static_cast<ImU32>(std::clamp(channel, 0.0f, 255.0f)) << shift;
  }
  return colour;
}

/// One edge function of a triangle, stepped along x.
struct Edge {
  float dx, dy, at_start;
  bool top_left;
  Edge(const ImVec2& p, const ImVec2& q, float x, float y, float scale, float sign)
      : dx(-(q.y - p.y) * scale),
        dy((q.x - p.x) * scale),
        at_start((q.x - p.x) * scale * (y - p.y) - (q.y - p.y) * scale * (x - p.x)),
        top_left((q.y - p.y) * sign < 0 || (q.y == p.y && (q.x - p.x) * sign > 0)) {}
  bool inside(float w) const { return w > 0 || (w == 0 && top_left); }
};

}  // namespace

PixelRect rectangle_bounds(const ImDrawVert& a, const ImDrawVert& c) {
  const auto edge = [](float p) { return static_cast<int>(std::ceil(p - 0.5f)); };
  return {edge(a.pos.x), edge(a.pos.y), edge(c.pos.x), edge(c.pos.y)};
}

PixelRect triangle_bounds(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c) {
  const auto [min_x, max_x] = std::minmax({a.pos.x, b.pos.x, c.pos.x});
  const auto [min_y, max_y] = std::minmax({a.pos.y, b.pos.y, c.pos.y});
  return {static_cast<int>(std::floor(min_x)), static_cast<int>(std::floor(min_y)),
          static_cast<int>(std::ceil(max_x)), static_cast<int>(std::ceil(max_y))};
}

void fill_rectangle(Picture& picture, const Coverage& texture, const ImDrawVert& a, const ImDrawVert& c,
                    const PixelRect& clip) {
  const std::uint32_t alpha = a.col >> 24;
  if (alpha == 0) return;
  const auto [x0, y0, x1, y1] = rectangle_bounds(a, c).within(clip);
  if (x0 >= x1) return;
  const bool solid = same_uv(a, c);
  const float du = (c.uv.x - a.uv.x) / (c.pos.x - a.pos.x), dv = (c.uv.y - a.uv.y) / (c.pos.y - a.pos.y);
  if (const auto origin = solid ? std::nullopt : texel_origin(texture, a, c)) {
    copy_glyph(picture, texture, a.col, {x0, y0, x1, y1}, *origin);
    return;
  }
  for (int y = y0; y < y1; ++y) {
    std::uint32_t* row = &picture.pixels[static_cast<std::size_t>(y) * picture.width];
    if (solid) {
      if (alpha == 255)
        std::fill(row + x0, row + x1, a.col);
      else
        for (int x = x0; x < x1; ++x) row[x] = blend(row[x], a.col, alpha);
      continue;
    }
    const float v = a.uv.y + (y + 0.5f - a.pos.y) * dv;
    for (int x = x0; x < x1; ++x) {
      const float coverage = sample(texture, a.uv.x + (x + 0.5f - a.pos.x) * du, v);
      if (coverage > 0) row[x] = blend(row[x], a.col, scaled_alpha(a.col, coverage));
    }
  }
}

void fill_triangle(Picture& picture, const Coverage& texture, const ImDrawVert& a, const ImDrawVert& b,
                   const ImDrawVert& c, const PixelRect& clip) {
  const float area = (b.pos.x - a.pos.x) * (c.pos.y - a.pos.y) - (b.pos.y - a.pos.y) * (c.pos.x - a.pos.x);
  if (area == 0) return;
  const PixelRect bounds = triangle_bounds(a, b, c);
  const auto [x0, y0, x1, y1] = bounds.within(clip);
  const float sign = area > 0 ? 1.0f : -1.0f;
  const bool flat = a.col == b.col && b.col == c.col, solid = same_uv(a, b) && same_uv(a, c);
  const float sx = bounds.x0 + 0.5f, sy = bounds.y0 + 0.5f;
  const Edge ea(b.pos, c.pos, sx, sy, 1 / area, sign), eb(c.pos, a.pos, sx, sy, 1 / area, sign),
      ec(a.pos, b.pos, sx, sy, 1 / area, sign);
  for (int y = y0; y < y1; ++y) {
    const float down = static_cast<float>(y - bounds.y0);
    std::uint32_t* row = &picture.pixels[static_cast<std::size_t>(y) * picture.width];
    for (int x = x0; x < x1; ++x) {
      const float right = static_cast<float>(x - bounds.x0);
      const float wa = ea.at_start + ea.dx * right + ea.dy * down,
                  wb = eb.at_start + eb.dx * right + eb.dy * down,
                  wc = ec.at_start + ec.dx * right + ec.dy * down;
      if (!ea.inside(wa) || !eb.inside(wb) || !ec.inside(wc)) continue;
      const ImU32 colour = flat ? a.col : interpolate(a, b, c, wa, wb, wc);
      std::uint32_t alpha = colour >> 24;
      if (!solid)
        alpha = scaled_alpha(colour, sample(texture, wa * a.uv.x + wb * b.uv.x + wc * c.uv.x,
                                            wa * a.uv.y + wb * b.uv.y + wc * c.uv.y));
      row[x] = blend(row[x], colour, alpha);
    }
  }
}

}  // namespace ringside::gui
