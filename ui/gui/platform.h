// A window (or none) behind one interface: OpenGL 3 where there is one, the software rasteriser in an SDL
// window otherwise, and the same rasteriser without a window for screenshots and tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ui/gui/raster.h"

namespace ringside::gui {

/// A key as the user pressed it. Kept apart from ImGui's own key handling, which differs between its
/// versions.
struct KeyPress {
  int key = 0;  ///< an SDL key code
  bool control = false, shift = false;
  bool operator==(const KeyPress&) const = default;
};

struct Input {
  bool any = false;  ///< the user, or the window system, has done something
  bool quit = false;
  bool exposed = false;  ///< the window must be drawn anew
  std::vector<KeyPress> keys;
  std::vector<std::string> dropped_files;
};

class Platform {
 public:
  virtual ~Platform() = default;
  /// What has come in; waits so many milliseconds for it if nothing has.
  virtual Input poll(int patience) = 0;
  virtual void begin_frame() = 0;
  virtual void end_frame() = 0;  ///< ImGui::Render and present
  virtual std::string description() const = 0;

  /// Needs an ImGui context with its fonts loaded. Tries OpenGL unless `software`; throws HostError if no
  /// window can be opened, saying what to do.
  static std::unique_ptr<Platform> open_window(int width, int height, bool software);
};

/// The rasteriser alone. Time advances by exactly 1/60 s a frame.
class Headless final : public Platform {
 public:
  Headless(int width, int height);
  Input poll(int) override { return {}; }
  void begin_frame() override;
  void end_frame() override;
  std::string description() const override { return "software rasteriser, no window"; }
  const Picture& picture() const { return picture_; }
  const std::vector<PixelRect>& changed() const { return changed_; }  ///< by the last frame

 private:
  Raster raster_;
  Picture picture_;
  std::vector<PixelRect> changed_;
};

}  // namespace ringside::gui
