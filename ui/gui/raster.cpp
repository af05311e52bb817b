#include "ui/gui/raster.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "cpu/host_error.h"

namespace ringside::gui {
namespace {

struct Clip {
  int x0, y0, x1, y1;
};

std::uint32_t blend(std::uint32_t below, std::uint32_t colour, std::uint32_t alpha) {
  if (alpha >= 255) return colour | 0xFF000000u;
  const std::uint32_t rest = 255 - alpha;
  const std::uint32_t red_blue = ((colour & 0xFF00FF) * alpha + (below & 0xFF00FF) * rest + 0x800080) >> 8;
  const std::uint32_t green = ((colour & 0xFF00) * alpha + (below & 0xFF00) * rest + 0x8000) >> 8;
  return 0xFF000000u | (red_blue & 0xFF00FF) | (green & 0xFF00);
}

/// Bilinear sample, 0-1.
float sample(const Raster::Coverage& texture, float u, float v) {
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
std::optional<Texel> texel_origin(const Raster::Coverage& texture, const ImDrawVert& a, const ImDrawVert& c) {
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

void copy_glyph(Picture& picture, const Raster::Coverage& texture, ImU32 colour, const Clip& r,
                Texel origin) {
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

/// An axis-aligned rectangle of one colour: what text and most fills consist of.
void fill_rectangle(Picture& picture, const Raster::Coverage& texture, const ImDrawVert& a,
                    const ImDrawVert& c, const Clip& clip) {
  const std::uint32_t alpha = a.col >> 24;
  if (alpha == 0) return;
  const auto edge = [](float p) { return static_cast<int>(std::ceil(p - 0.5f)); };
  const int x0 = std::max(clip.x0, edge(a.pos.x)), x1 = std::min(clip.x1, edge(c.pos.x));
  const int y0 = std::max(clip.y0, edge(a.pos.y)), y1 = std::min(clip.y1, edge(c.pos.y));
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
        std::fill(row + x0, row + std::max(x0, x1), a.col);
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

void fill_triangle(Picture& picture, const Raster::Coverage& texture, const ImDrawVert& a,
                   const ImDrawVert& b, const ImDrawVert& c, const Clip& clip) {
  const float area = (b.pos.x - a.pos.x) * (c.pos.y - a.pos.y) - (b.pos.y - a.pos.y) * (c.pos.x - a.pos.x);
  if (area == 0) return;
  const auto [min_x, max_x] = std::minmax({a.pos.x, b.pos.x, c.pos.x});
  const auto [min_y, max_y] = std::minmax({a.pos.y, b.pos.y, c.pos.y});
  const int x0 = std::max(clip.x0, static_cast<int>(std::floor(min_x)));
  const int x1 = std::min(clip.x1, static_cast<int>(std::ceil(max_x)));
  const int y0 = std::max(clip.y0, static_cast<int>(std::floor(min_y)));
  const int y1 = std::min(clip.y1, static_cast<int>(std::ceil(max_y)));
  const float sign = area > 0 ? 1.0f : -1.0f;
  const bool flat = a.col == b.col && b.col == c.col, solid = same_uv(a, b) && same_uv(a, c);
  const float sx = x0 + 0.5f, sy = y0 + 0.5f;
  const Edge ea(b.pos, c.pos, sx, sy, 1 / area, sign), eb(c.pos, a.pos, sx, sy, 1 / area, sign),
      ec(a.pos, b.pos, sx, sy, 1 / area, sign);
  for (int y = y0; y < y1; ++y) {
    const float down = static_cast<float>(y - y0);
    std::uint32_t* row = &picture.pixels[static_cast<std::size_t>(y) * picture.width];
    for (int x = x0; x < x1; ++x) {
      const float right = static_cast<float>(x - x0);
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

/// Two triangles that ImGui's PrimRect emitted: a b c, a c d, axis-aligned and of one colour.
bool is_rectangle(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c, const ImDrawVert& d) {
  return a.col == b.col && a.col == c.col && a.col == d.col && a.pos.y == b.pos.y && b.pos.x == c.pos.x &&
         c.pos.y == d.pos.y && d.pos.x == a.pos.x && a.uv.y == b.uv.y && b.uv.x == c.uv.x &&
         a.pos.x < c.pos.x && a.pos.y < c.pos.y;
}

void draw_command(Picture& picture, const ImDrawList& list, const ImDrawCmd& command, const Clip& clip) {
  // A texture's identity is a pointer in some versions of ImGui and an integer in others: a C cast serves
  // both.
  const auto& texture = *(const Raster::Coverage*)(std::intptr_t)command.GetTexID();
  const ImDrawVert* vertices = list.VtxBuffer.Data + command.VtxOffset;
  const ImDrawIdx* index = list.IdxBuffer.Data + command.IdxOffset;
  for (unsigned i = 0; i + 2 < command.ElemCount; i += 3) {
    const ImDrawVert &a = vertices[index[i]], &b = vertices[index[i + 1]], &c = vertices[index[i + 2]];
    const bool pair = i + 5 < command.ElemCount && index[i] == index[i + 3] && index[i + 2] == index[i + 4];
    if (pair && is_rectangle(a, b, c, vertices[index[i + 5]])) {
      fill_rectangle(picture, texture, a, c, clip);
      i += 3;
    } else {
      fill_triangle(picture, texture, a, b, c, clip);
    }
  }
}

#if IMGUI_VERSION_NUM >= 19200
// From 1.92 on ImGui asks for its textures to be made and changed while it draws.
void update_textures(const ImDrawData& data) {
  if (!data.Textures) return;
  for (ImTextureData* texture : *data.Textures) {
    if (texture->Status == ImTextureStatus_OK) continue;
    auto* coverage = static_cast<Raster::Coverage*>(texture->BackendUserData);
    if (texture->Status == ImTextureStatus_WantDestroy) {
      delete coverage;
      texture->BackendUserData = nullptr;
      texture->SetTexID(ImTextureID_Invalid);
      texture->SetStatus(ImTextureStatus_Destroyed);
      continue;
    }
    if (!coverage) {
      coverage = new Raster::Coverage;
      texture->BackendUserData = coverage;
      texture->SetTexID(reinterpret_cast<std::intptr_t>(coverage));
    }
    coverage->width = texture->Width;
    coverage->height = texture->Height;
    const std::size_t count = static_cast<std::size_t>(texture->Width) * texture->Height;
    coverage->alpha.resize(count);
    const auto* pixels = static_cast<const std::uint8_t*>(texture->GetPixels());
    for (std::size_t i = 0; i < count; ++i)
      coverage->alpha[i] = texture->BytesPerPixel == 1 ? pixels[i] : pixels[i * 4 + 3];
    texture->SetStatus(ImTextureStatus_OK);
  }
}
#endif

}  // namespace

Raster::~Raster() {
#if IMGUI_VERSION_NUM >= 19200
  if (!attached_ || !ImGui::GetCurrentContext()) return;
  for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
    delete static_cast<Coverage*>(texture->BackendUserData);
    texture->BackendUserData = nullptr;
    texture->SetTexID(ImTextureID_Invalid);
    texture->SetStatus(ImTextureStatus_Destroyed);
  }
  ImGui::GetIO().BackendFlags &= ~ImGuiBackendFlags_RendererHasTextures;
#endif
}

void Raster::attach() {
  ImGuiIO& io = ImGui::GetIO();
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
#if IMGUI_VERSION_NUM >= 19200
  io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
#else
  unsigned char* pixels;
  io.Fonts->GetTexDataAsAlpha8(&pixels, &font_.width, &font_.height);
  font_.alpha.assign(pixels, pixels + static_cast<std::size_t>(font_.width) * font_.height);
  io.Fonts->SetTexID(static_cast<ImTextureID>(&font_));
#endif
  attached_ = true;
}

void Raster::draw(const ImDrawData& data, Picture& target, ImU32 background) {
#if IMGUI_VERSION_NUM >= 19200
  update_textures(data);
#endif
  std::fill(target.pixels.begin(), target.pixels.end(), background | 0xFF000000u);
  for (int n = 0; n < data.CmdListsCount; ++n) {
    const ImDrawList& list = *data.CmdLists[n];
    for (const ImDrawCmd& command : list.CmdBuffer) {
      if (command.UserCallback) {
        if (command.UserCallback != ImDrawCallback_ResetRenderState) command.UserCallback(&list, &command);
        continue;
      }
      const Clip clip{std::max(0, static_cast<int>(command.ClipRect.x - data.DisplayPos.x)),
                      std::max(0, static_cast<int>(command.ClipRect.y - data.DisplayPos.y)),
                      std::min(target.width, static_cast<int>(command.ClipRect.z - data.DisplayPos.x)),
                      std::min(target.height, static_cast<int>(command.ClipRect.w - data.DisplayPos.y))};
      if (clip.x0 < clip.x1 && clip.y0 < clip.y1) draw_command(target, list, command, clip);
    }
  }
}

void write_png(const std::string& path, const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGBA;
  if (!png_image_write_to_file(&image, path.c_str(), 0, picture.pixels.data(), picture.width * 4, nullptr))
    throw HostError("cannot write the picture '" + path + "': " + image.message +
                    ". Give a path in a folder that exists and is writable.");
}

}  // namespace ringside::gui
