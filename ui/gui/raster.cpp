#include "ui/gui/raster.h"

#include <algorithm>
#include <cstring>

namespace ringside::gui {
namespace {

constexpr int kTileWidth = 32, kTileHeight = 16;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 32);
}

std::uint64_t mixed(std::uint64_t hash, const ImDrawVert& v) {
  std::uint64_t position, uv;
  std::memcpy(&position, &v.pos, sizeof position);
  std::memcpy(&uv, &v.uv, sizeof uv);
  return mixed(mixed(mixed(hash, position), uv), v.col);
}

/// Two triangles that ImGui's PrimRect emitted: a b c, a c d, axis-aligned and of one colour.
bool is_rectangle(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c, const ImDrawVert& d) {
  return a.col == b.col && a.col == c.col && a.col == d.col && a.pos.y == b.pos.y && b.pos.x == c.pos.x &&
         c.pos.y == d.pos.y && d.pos.x == a.pos.x && a.uv.y == b.uv.y && b.uv.x == c.uv.x &&
         a.pos.x < c.pos.x && a.pos.y < c.pos.y;
}

#if IMGUI_VERSION_NUM >= 19200
// From 1.92 on ImGui asks for its textures to be made and changed while it draws.
/// True if one has changed.
bool update_textures(const ImDrawData& data) {
  if (!data.Textures) return false;
  bool changed = false;
  for (ImTextureData* texture : *data.Textures) {
    if (texture->Status == ImTextureStatus_OK) continue;
    changed = true;
    auto* coverage = static_cast<Coverage*>(texture->BackendUserData);
    if (texture->Status == ImTextureStatus_WantDestroy) {
      delete coverage;
      texture->BackendUserData = nullptr;
      texture->SetTexID(ImTextureID_Invalid);
      texture->SetStatus(ImTextureStatus_Destroyed);
      continue;
    }
    if (!coverage) {
      coverage = new Coverage;
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
  return changed;
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

void Raster::add(const Shape& shape) {
  if (shape.seen.empty()) return;
  const auto index = static_cast<std::uint32_t>(shapes_.size());
  shapes_.push_back(shape);
  std::uint64_t hash = mixed(mixed(0, *shape.a), *shape.c);
  if (shape.b) hash = mixed(hash, *shape.b);
  std::uint64_t where[2];
  std::memcpy(where, &shape.seen, sizeof where);
  hash = mixed(mixed(hash, where[0]), where[1]);
  const int last_row = (shape.seen.y1 - 1) / kTileHeight, last_column = (shape.seen.x1 - 1) / kTileWidth;
  for (int row = shape.seen.y0 / kTileHeight; row <= last_row; ++row) {
    by_row_[static_cast<std::size_t>(row)].push_back(index);
    std::uint64_t* tiles = &tiles_[static_cast<std::size_t>(row) * columns_];
    for (int column = shape.seen.x0 / kTileWidth; column <= last_column; ++column)
      tiles[column] = mixed(tiles[column], hash);
  }
}

void Raster::collect(const ImDrawList& list, const ImDrawCmd& command, const PixelRect& clip) {
  // A texture's identity is a pointer in some versions of ImGui and an integer in others: a C cast serves
  // both.
  const auto* texture = (const Coverage*)(std::intptr_t)command.GetTexID();
  const ImDrawVert* vertices = list.VtxBuffer.Data + command.VtxOffset;
  const ImDrawIdx* index = list.IdxBuffer.Data + command.IdxOffset;
  for (unsigned i = 0; i + 2 < command.ElemCount; i += 3) {
    const ImDrawVert &a = vertices[index[i]], &b = vertices[index[i + 1]], &c = vertices[index[i + 2]];
    const bool pair = i + 5 < command.ElemCount && index[i] == index[i + 3] && index[i + 2] == index[i + 4];
    if (pair && is_rectangle(a, b, c, vertices[index[i + 5]])) {
      add({texture, &a, nullptr, &c, rectangle_bounds(a, c).within(clip)});
      i += 3;
    } else {
      add({texture, &a, &b, &c, triangle_bounds(a, b, c).within(clip)});
    }
  }
}

void Raster::collect(const ImDrawData& data, const Picture& target, ImU32 background) {
  columns_ = (target.width + kTileWidth - 1) / kTileWidth;
  rows_ = (target.height + kTileHeight - 1) / kTileHeight;
  shapes_.clear();
  by_row_.resize(static_cast<std::size_t>(rows_));
  for (auto& row : by_row_) row.clear();
  tiles_.assign(static_cast<std::size_t>(columns_) * rows_, background);
  const PixelRect all{0, 0, target.width, target.height};
  for (int n = 0; n < data.CmdListsCount; ++n) {
    const ImDrawList& list = *data.CmdLists[n];
    for (const ImDrawCmd& command : list.CmdBuffer) {
      if (command.UserCallback) continue;
      const ImVec4& r = command.ClipRect;
      const ImVec2& origin = data.DisplayPos;
      const PixelRect clip{static_cast<int>(r.x - origin.x), static_cast<int>(r.y - origin.y),
                           static_cast<int>(r.z - origin.x), static_cast<int>(r.w - origin.y)};
      if (!clip.within(all).empty()) collect(list, command, clip.within(all));
    }
  }
}

const std::vector<PixelRect>& Raster::draw(const ImDrawData& data, Picture& target, ImU32 background) {
  if (target.width != width_ || target.height != height_) shown_.clear();
  width_ = target.width;
  height_ = target.height;
#if IMGUI_VERSION_NUM >= 19200
  if (update_textures(data)) shown_.clear();
#endif
  background |= 0xFF000000u;
  collect(data, target, background);
  changed_.clear();
  const bool everything = shown_.empty();
  shown_.resize(tiles_.size());
  for (int row = 0; row < rows_; ++row) {
    const std::size_t first = static_cast<std::size_t>(row) * columns_;
    const auto differs = [&](int column) {
      return everything || tiles_[first + column] != shown_[first + column];
    };
    for (int begin = 0; begin < columns_; ++begin) {
      if (!differs(begin)) continue;
      int end = begin + 1;
      while (end < columns_ && differs(end)) ++end;
      const PixelRect part{begin * kTileWidth, row * kTileHeight, std::min(end * kTileWidth, width_),
                           std::min((row + 1) * kTileHeight, height_)};
      fill(target, part, by_row_[static_cast<std::size_t>(row)], background);
      changed_.push_back(part);
      begin = end;
    }
  }
  std::swap(shown_, tiles_);
  return changed_;
}

void Raster::fill(Picture& target, const PixelRect& part, const std::vector<std::uint32_t>& shapes,
                  ImU32 background) const {
  for (int y = part.y0; y < part.y1; ++y) {
    std::uint32_t* row = &target.pixels[static_cast<std::size_t>(y) * target.width];
    std::fill(row + part.x0, row + part.x1, background);
  }
  for (const std::uint32_t index : shapes) {
    const Shape& s = shapes_[index];
    const PixelRect clip = s.seen.within(part);
    if (clip.empty()) continue;
    if (s.b)
      fill_triangle(target, *s.texture, *s.a, *s.b, *s.c, clip);
    else
      fill_rectangle(target, *s.texture, *s.a, *s.c, clip);
  }
}

}  // namespace ringside::gui
