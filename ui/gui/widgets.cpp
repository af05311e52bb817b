#include "ui/gui/widgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside::gui {
namespace {

Rect last_item() {
  const ImVec2 a = ImGui::GetItemRectMin(), b = ImGui::GetItemRectMax();
  return {a.x, a.y, b.x, b.y};
}

}  // namespace

void Layout::add_pane(std::string name, Rect rect) {
  panes_[name] = rect;
  current_pane_ = std::move(name);
}

void Layout::add(std::string name, bool text_fits, bool shortened) {
  if (!ImGui::IsItemVisible()) return;  // scrolled out of sight
  // What is seen of it: a row of a table may have been scrolled half under its header.
  Rect seen = last_item();
  const ImVec2 low = ImGui::GetWindowDrawList()->GetClipRectMin(),
               high = ImGui::GetWindowDrawList()->GetClipRectMax();
  seen = {std::max(seen.x0, low.x), std::max(seen.y0, low.y), std::min(seen.x1, high.x),
          std::min(seen.y1, high.y)};
  if (seen.y1 - seen.y0 < 2) return;
  items_.push_back({std::move(name), current_pane_, seen, text_fits, shortened});
}

void Layout::add_row(std::string name) {
  const std::size_t before = items_.size();
  add(std::move(name));
  if (items_.size() > before) items_.back().row = true;
}

void Layout::add_popup(std::string name) {
  const std::size_t before = items_.size();
  add(std::move(name));
  if (items_.size() > before) items_.back().popup = true;
}

const Layout::Item* Layout::find(std::string_view name) const {
  const auto it = std::find_if(items_.begin(), items_.end(), [&](const Item& i) { return i.name == name; });
  return it == items_.end() ? nullptr : &*it;
}

bool begin_pane(Layout& layout, const char* name, const char* title, Rect rect, ImGuiWindowFlags flags) {
  ImGui::SetNextWindowPos({rect.x0, rect.y0});
  ImGui::SetNextWindowSize({rect.width(), rect.height()});
  const ImGuiWindowFlags fixed = ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoResize |
                                 ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoSavedSettings |
                                 ImGuiWindowFlags_NoBringToFrontOnFocus;
  layout.add_pane(name, rect);
  const bool open = ImGui::Begin(fmt::format("{}###{}", title, name).c_str(), nullptr, fixed | flags);
  return open;
}

void end_pane() { ImGui::End(); }

bool button(Layout& layout, const char* name, const char* label, const char* tip, bool enabled, bool on) {
  if (on) ImGui::PushStyleColor(ImGuiCol_Button, palette().selection);
  if (!enabled) ImGui::PushStyleVar(ImGuiStyleVar_Alpha, 0.5f * ImGui::GetStyle().Alpha);
  const bool pressed = ImGui::Button(fmt::format("{}##{}", label, name).c_str());
  if (!enabled) ImGui::PopStyleVar();
  if (on) ImGui::PopStyleColor();
  layout.add(name);
  tooltip(tip);
  return pressed && enabled;
}

void text_in(Layout& layout, const char* name, std::string_view text, ImU32 colour, float width) {
  if (width <= 0) width = ImGui::GetContentRegionAvail().x;
  const auto measure = [](std::string_view t) {
    return ImGui::CalcTextSize(t.data(), t.data() + t.size()).x;
  };
  std::string shown(text);
  const bool whole = measure(shown) <= width;
  if (!whole) {
    // The longest prefix that fits together with the ellipsis.
    std::size_t low = 0, high = text.size();
    while (low < high) {
      const std::size_t middle = (low + high + 1) / 2;
      if (measure(std::string(text.substr(0, middle)) + "…") <= width)
        low = middle;
      else
        high = middle - 1;
    }
    while (low > 0 && (static_cast<unsigned char>(text[low]) & 0xC0) == 0x80) --low;
    shown = std::string(text.substr(0, low)) + "…";
  }
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::TextUnformatted(shown.data(), shown.data() + shown.size());
  ImGui::PopStyleColor();
  layout.add(name, measure(shown) <= width + 1, !whole);
  if (!whole) tooltip(text);
}

void header_row(Layout& layout) {
  ImGui::TableNextRow(ImGuiTableRowFlags_Headers);
  for (int i = 0; i < ImGui::TableGetColumnCount(); ++i) {
    if (!ImGui::TableSetColumnIndex(i)) continue;
    const char* word = ImGui::TableGetColumnName(i);
    const bool fits = ImGui::CalcTextSize(word).x <= ImGui::GetContentRegionAvail().x + 1;
    ImGui::TableHeader(word);
    if (!*word) continue;
    layout.add(fmt::format("header.{}", word), fits);
    tooltip(glossary(word));
  }
}

void term(std::string_view word, ImU32 colour) {
  ImGui::PushStyleColor(ImGuiCol_Text, colour ? colour : palette().text);
  ImGui::TextUnformatted(word.data(), word.data() + word.size());
  ImGui::PopStyleColor();
  tooltip(glossary(word));
}

namespace {
std::string tooltip_on_screen;
}

const std::string& shown_tooltip() { return tooltip_on_screen; }
void forget_tooltip() { tooltip_on_screen.clear(); }

void tooltip(std::string_view text) {
  if (text.empty() || !ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) return;
  tooltip_on_screen = text;
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 28);
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

std::string grouped(u64 value) {
  std::string digits = std::to_string(value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<std::size_t>(i), "\u00a0");  // no line ends inside a number
  return digits;
}

std::string compact(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace ringside::gui
