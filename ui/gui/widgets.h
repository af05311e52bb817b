// Widgets that know their names: every control reports its rectangle, so that tests drive the real windows by
// name and can see whether anything overlaps or is clipped; every term explains itself on hover.
#pragma once

#include <imgui.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ui/gui/theme.h"

namespace ringside::gui {

struct Rect {
  float x0, y0, x1, y1;
  ImVec2 centre() const { return {(x0 + x1) / 2, (y0 + y1) / 2}; }
  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
};

/// What was on screen in the last frame.
class Layout {
 public:
  struct Item {
    std::string name, pane;
    Rect rect;
    bool text_fits = true;
    bool shortened = false;  ///< ends in an ellipsis; whole on hover
    bool row = false;        ///< spans the cells of a table's row
    bool popup = false;      ///< in a list that has opened above the panes
  };
  void clear() {
    items_.clear();
    panes_.clear();
  }
  void add_pane(std::string name, Rect rect);
  /// The last ImGui item.
  void add(std::string name, bool text_fits = true, bool shortened = false);
  void add_row(std::string name);    ///< the last ImGui item, a selectable row of a table
  void add_popup(std::string name);  ///< the last ImGui item, in an open menu or list
  const std::vector<Item>& items() const { return items_; }
  const std::map<std::string, Rect>& panes() const { return panes_; }
  const Item* find(std::string_view name) const;

 private:
  std::vector<Item> items_;
  std::map<std::string, Rect> panes_;
  std::string current_pane_;
};

/// A fixed pane with a title; false if it is not visible. Always call end_pane().
bool begin_pane(Layout& layout, const char* name, const char* title, Rect rect, ImGuiWindowFlags flags = 0);
void end_pane();

bool button(Layout& layout, const char* name, const char* label, const char* tip, bool enabled = true,
            bool on = false);
/// Text in a given width (0 = what is left of the line): shortened with an ellipsis if it must be, whole on
/// hover.
void text_in(Layout& layout, const char* name, std::string_view text, ImU32 colour, float width = 0);
/// The header of the table that has just begun: every column explains itself on hover, from the glossary.
void header_row(Layout& layout);
/// A word that explains itself on hover, from the glossary.
void term(std::string_view word, ImU32 colour = 0);
std::string_view glossary(std::string_view word);
void tooltip(std::string_view text);  ///< for the last item, if hovered
/// What the tooltip on screen says, empty if there is none; for tests.
const std::string& shown_tooltip();
void forget_tooltip();  ///< at the beginning of a frame

/// Numbers the way a person reads them: 1 234 567 with thin groups, or 12.3 M.
std::string grouped(u64 value);
std::string compact(double value);

}  // namespace ringside::gui
