// Colours, fonts and sizes. Okabe-Ito hues as fills, always with a word beside them; text colours keep a
// contrast of at least 4.5 : 1 on both themes' backgrounds (a test computes it).
#pragma once

#include <imgui.h>

#include <cstdint>

#include "hypervisor/accounting/ledger.h"
#include "hypervisor/virtual_machine.h"

namespace ringside::gui {

struct Fonts {
  ImFont* interface = nullptr;  ///< Roboto, with symbols from DejaVu
  ImFont* data = nullptr;       ///< JetBrains Mono
  ImFont* large = nullptr;
};

struct Palette {
  ImU32 background, panel, grid;
  ImU32 text, dim, accent, good, bad, warning;  ///< text colours
  ImU32 current_row, trapping_row, silent_row, selection;
};

enum class Theme : std::uint8_t { Dark, Light };

/// Loads the fonts (ImGui's own where Debian's are missing) and sets colours and sizes. Once per context.
Fonts load_fonts(float scale);
void apply_theme(Theme theme, float scale);
const Palette& palette();

ImU32 fill(Mode mode);  ///< as an area
ImU32 text(Mode mode);  ///< as text
ImU32 fill(Bucket bucket);
ImU32 on_fill();  ///< text on any fill

/// WCAG 2 contrast ratio of two opaque colours, 1-21.
double contrast(ImU32 a, ImU32 b);

}  // namespace ringside::gui
