// The app drawn without a window: for --screenshot and for exporting what is on screen as a picture.
#pragma once

#include <functional>

#include "ui/gui/context.h"
#include "ui/gui/raster.h"

namespace ringside::gui {

/// Draws with a context of its own, so that it can be called in the middle of another one's life. `carry_out`
/// gets what the windows ask for in the first frames (such as data that only one view shows) and returns the
/// frame to draw next.
using CarryOut = std::function<model::FramePtr(const std::vector<model::Command>&)>;
Picture draw_offscreen(model::FramePtr frame, const UiState& ui, int width, int height,
                       const CarryOut& carry_out = {});

}  // namespace ringside::gui
