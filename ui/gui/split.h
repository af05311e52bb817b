// Dividing the window into panes, with borders that the user can drag. Where they stand is remembered by
// name.
#pragma once

#include "ui/gui/context.h"

namespace ringside::gui {

inline constexpr float kSmallestShare = 0.1f, kLargestShare = 0.9f;

/// Cut a part off `rest`: `share` of it, unless the user has moved the border called `name`.
Rect split_left(Context&, Rect& rest, const char* name, float share);
Rect split_right(Context&, Rect& rest, const char* name, float share);
Rect split_top(Context&, Rect& rest, const char* name, float share);
Rect split_bottom(Context&, Rect& rest, const char* name, float share);

/// Of a fixed size in pixels, and not movable.
Rect take_top(Rect& rest, float height);
Rect take_bottom(Rect& rest, float height);

}  // namespace ringside::gui
