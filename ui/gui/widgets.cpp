#include "ui/gui/widgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ringside::gui {
namespace {

struct GlossaryRow {
  std::string_view word, text;
};

constexpr std::array kGlossary{
    GlossaryRow{"native",
                "The baseline: the guest owns the simulated machine in ring 0. No monitor, no exits."},
    GlossaryRow{
        "trap",
        "Trap-and-emulate: the guest kernel runs in ring 1; what is privileged faults into the monitor, "
        "which emulates it. The page tables in use are shadows that the monitor keeps."},
    GlossaryRow{
        "para",
        "Paravirtualization: the guest kernel knows of its monitor and calls it (hypercalls). Its page "
        "tables are used directly, each change validated."},
    GlossaryRow{
        "hvm",
        "Hardware assistance (VT-x, simulated): the guest owns rings 0-3 in non-root mode; the VMCS says "
        "what exits. Nested paging (EPT) translates guest-physical addresses."},
    GlossaryRow{"kvm", "The same monitor on the host's real /dev/kvm."},
    GlossaryRow{
        "overhead",
        "Busy cycles per guest instruction, relative to native at the same point. Idle time is left out. "
        "Modelled from counted events, never measured."},
    GlossaryRow{"guest", "Cycles of the guest's own instructions."},
    GlossaryRow{"tlb", "Cycles of page walks after TLB misses. Nested paging makes each walk longer."},
    GlossaryRow{
        "delivery",
        "Cycles that the processor spends delivering exceptions and interrupts and returning from them."},
    GlossaryRow{"switches", "World switches: leaving the guest for the monitor and coming back."},
    GlossaryRow{"monitor", "The monitor's own work: decoding, emulating, keeping shadow or nested tables."},
    GlossaryRow{"devices", "Device models, and the way to the process that holds them."},
    GlossaryRow{"idle", "The guest waits for an interrupt."},
    GlossaryRow{"exits", "Times the processor left the guest for the monitor."},
    GlossaryRow{"real", "What the processor really holds while this guest runs."},
    GlossaryRow{"virtual", "What the guest believes that its registers hold."},
    GlossaryRow{
        "silent",
        "A sensitive instruction that did not trap: it ran outside ring 0 and did something else than the "
        "guest meant. This is why x86 could not be virtualized classically."},
    GlossaryRow{"lockstep",
                "All modes advance to the same guest instruction. Off: only the focused mode moves."},
    GlossaryRow{
        "profile",
        "Prices in cycles for counted events, from published measurements of one generation of processors."},
};

Rect last_item() {
  const ImVec2 a = ImGui::GetItemRectMin(), b = ImGui::GetItemRectMax();
  return {a.x, a.y, b.x, b.y};
}

}  // namespace

void Layout::add_pane(std::string name, Rect rect) {
  panes_[name] = rect;
  current_pane_ = std::move(name);
}

void Layout::add(std::string name, bool text_fits) {
  if (!ImGui::IsItemVisible()) return;  // scrolled out of sight
  items_.push_back({std::move(name), current_pane_, last_item(), text_fits});
}

void Layout::add_row(std::string name) {
  add(std::move(name));
  if (ImGui::IsItemVisible()) items_.back().row = true;
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
  layout.add(name, measure(shown) <= width + 1);
  if (!whole) tooltip(text);
}

void term(std::string_view word, ImU32 colour) {
  ImGui::PushStyleColor(ImGuiCol_Text, colour ? colour : palette().text);
  ImGui::TextUnformatted(word.data(), word.data() + word.size());
  ImGui::PopStyleColor();
  tooltip(glossary(word));
}

std::string_view glossary(std::string_view word) {
  for (const GlossaryRow& row : kGlossary)
    if (row.word == word) return row.text;
  return {};
}

void tooltip(std::string_view text) {
  if (text.empty() || !ImGui::IsItemHovered()) return;
  ImGui::BeginTooltip();
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 28);
  ImGui::TextUnformatted(text.data(), text.data() + text.size());
  ImGui::PopTextWrapPos();
  ImGui::EndTooltip();
}

std::string grouped(u64 value) {
  std::string digits = std::to_string(value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<std::size_t>(i), 1, ' ');
  return digits;
}

std::string compact(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace ringside::gui
