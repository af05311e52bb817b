// A small software rasteriser for Dear ImGui's draw data: no window, no OpenGL.
//
// Used where there is no OpenGL, for screenshots, and by the tests. Pixels depend on the draw data alone, so
// equal frames give equal images on every machine. Most of a frame is as it was in the frame before: the
// picture is divided into tiles, and only those are drawn whose shapes have changed. Simplified:
// nearest-pixel clipping, bilinear font texture, no gamma; user textures and callbacks are not supported.
#pragma once

#include "ui/gui/fill.h"

namespace ringside::gui {

class Raster {
 public:
  Raster() = default;
  ~Raster();
  Raster(const Raster&) = delete;
  Raster& operator=(const Raster&) = delete;

  /// Hands ImGui its font texture; call once per context, after the fonts are loaded.
  void attach();
  /// Makes `target` show `data`, and returns what of it has changed. It must hold what the last call has
  /// drawn into it, unless its size is another.
  const std::vector<PixelRect>& draw(const ImDrawData& data, Picture& target, ImU32 background);

 private:
  struct Shape {
    const Coverage* texture;
    const ImDrawVert *a, *b, *c;  ///< b is nullptr for a rectangle
    PixelRect seen;
  };
  void collect(const ImDrawData& data, const Picture& target, ImU32 background);
  void collect(const ImDrawList& list, const ImDrawCmd& command, const PixelRect& clip);
  void add(const Shape& shape);
  void fill(Picture& target, const PixelRect& part, const std::vector<std::uint32_t>& shapes,
            ImU32 background) const;

  Coverage font_;
  bool attached_ = false;
  int width_ = 0, height_ = 0;  ///< of the picture, in pixels
  int columns_ = 0, rows_ = 0;  ///< in tiles
  std::vector<std::uint64_t> tiles_,
      shown_;  ///< a hash of the shapes in each tile: of this frame, of the last
  std::vector<Shape> shapes_;
  std::vector<std::vector<std::uint32_t>> by_row_;  ///< the shapes in each row of tiles
  std::vector<PixelRect> changed_;
};

}  // namespace ringside::gui
