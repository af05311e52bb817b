// Pixels in memory.
#pragma once

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

}  // namespace ringside::gui
