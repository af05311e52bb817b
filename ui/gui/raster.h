// A small software rasteriser for Dear ImGui's draw data: no window, no OpenGL.
//
// Used where there is no OpenGL, for screenshots, and by the tests. Pixels depend on the draw data alone, so
// equal frames give equal images on every machine. Simplified: nearest-pixel clipping, bilinear font texture,
// no gamma; user textures are not supported.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::gui {

/// 32-bit pixels, R in the low byte, rows from the top.
struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint32_t> pixels;

  Picture() = default;
  Picture(int w, int h) : width(w), height(h), pixels(static_cast<std::size_t>(w) * h) {}
};

/// Throws HostError if the file cannot be written.
void write_png(const std::string& path, const Picture& picture);

class Raster {
 public:
  Raster() = default;
  ~Raster();
  Raster(const Raster&) = delete;
  Raster& operator=(const Raster&) = delete;

  /// Hands ImGui its font texture; call once per context, after the fonts are loaded.
  void attach();
  void draw(const ImDrawData& data, Picture& target, ImU32 background);

  struct Coverage {  ///< a texture's alpha
    int width = 0, height = 0;
    std::vector<std::uint8_t> alpha;
  };

 private:
  Coverage font_;
  bool attached_ = false;
};

}  // namespace ringside::gui
