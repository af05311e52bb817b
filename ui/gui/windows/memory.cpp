// Memory: the walk of one address with its references counted, and guest, shadow and nested entries side by
// side with why.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cpu/ept.h"
#include "cpu/paging.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

void address_bar(Context& c) {
  ImGui::SetNextItemWidth(ImGui::CalcTextSize("0000000000000").x);
  const bool entered =
      ImGui::InputText("##walk", c.ui.walk, sizeof c.ui.walk,
                       ImGuiInputTextFlags_CharsHexadecimal | ImGuiInputTextFlags_EnterReturnsTrue);
  c.layout.add("walk.address");
  tooltip("A hexadecimal linear address of the guest");
  ImGui::SameLine();
  if (button(c.layout, "walk.go", "Walk", "Walk this address") || entered)
    c.send(model::command::WalkAddress{static_cast<u32>(std::strtoul(c.ui.walk, nullptr, 16))});
  ImGui::SameLine();
  if (button(c.layout, "walk.eip", "EIP", "Walk the current instruction's address"))
    if (const auto* lane = c.focused()) {
      const u32 address = lane->guest.seg[CS].base + lane->guest.eip;
      fmt::format_to_n(c.ui.walk, sizeof c.ui.walk - 1, "{:08x}", address);
      c.send(model::command::WalkAddress{address});
    }
}

/// One line of boxes, a reference each; returns the number of the last one.
unsigned walk_line(Context& c, const std::vector<model::WalkRow>& rows, std::size_t widest, ImU32 colour,
                   unsigned number, bool tall) {
  const float line = ImGui::GetTextLineHeight(), inset = line * 0.4f, gap = line * 1.5f;
  const float height = line * (tall ? 3 : 2) + inset * 1.3f;
  const float room = ImGui::GetContentRegionAvail().x;
  const float width = std::min(room / static_cast<float>(std::max<std::size_t>(1, widest)) - gap,
                               ImGui::CalcTextSize("0").x * 34);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  ImVec2 at = ImGui::GetCursorScreenPos();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const model::WalkRow& row = rows[i];
    const ImVec2 end{at.x + width, at.y + height};
    const ImU32 edge = row.nested ? palette().good : colour;
    draw.AddRectFilled(at, end, palette().background, 4);
    draw.AddRect(at, end, edge, 4, 0, 1.5f);
    const std::array<std::string, 3> lines{fmt::format("{}. {}", ++number, row.table),
                                           fmt::format("[{:x}] = {:08x}", row.address, row.entry),
                                           row.meaning};
    const bool cramped = ImGui::CalcTextSize(lines[1].c_str()).x > width - inset * 2;
    for (std::size_t l = 0; l < (tall ? 3 : 2); ++l) {
      ImGui::SetCursorScreenPos({at.x + inset, at.y + inset / 2 + line * static_cast<float>(l)});
      text_in(c.layout, "walk.box", l == 1 && cramped ? fmt::format("= {:08x}", row.entry) : lines[l],
              l == 0 ? palette().text : palette().dim, width - inset * 2);
      tooltip(fmt::format("{}\n{}\n{}", lines[0], lines[1], lines[2]));
    }
    if (i + 1 < rows.size())
      draw.AddText({end.x + gap * 0.2f, (at.y + end.y - line) / 2}, palette().text, "→");
    at.x = end.x + gap;
  }
  ImGui::SetCursorScreenPos(
      {ImGui::GetWindowPos().x + ImGui::GetStyle().WindowPadding.x - ImGui::GetScrollX(),
       at.y + height + inset / 2});
  return number;
}

void hardware_walk(Context& c, const model::PageWalkView& walk) {
  const bool nested = walk.hardware.size() > 1;
  text_in(c.layout, "walk.heading",
          nested ? "what the processor walks: each address of the guest's through the nested tables"
                 : "what the processor walks",
          palette().warning);
  std::size_t widest = 1;
  for (const auto& line : walk.hardware) widest = std::max(widest, line.size());
  unsigned number = 0;
  for (const auto& line : walk.hardware)
    number = walk_line(c, line, widest, palette().warning, number, !nested);
}

std::string bits(std::optional<u32> entry) {
  if (!entry) return "";
  if (!(*entry & pte::P)) return fmt::format("{:08x} -----", *entry);
  return fmt::format("{:08x} P{}{}{}{}", *entry, *entry & pte::W ? 'W' : '-', *entry & pte::U ? 'U' : '-',
                     *entry & pte::A ? 'A' : '-', *entry & pte::D ? 'D' : '-');
}

std::string nested_bits(std::optional<u64> entry) {
  if (!entry) return "";
  return fmt::format("{:x} {}{}{}", *entry & ~u64{0xFFF}, *entry & ept::R ? 'R' : '-',
                     *entry & ept::W ? 'W' : '-', *entry & ept::X ? 'X' : '-');
}

}  // namespace

void draw_page_walk(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "walk", "Page walk", rect)) return end_pane();
  address_bar(c);
  if (const auto* lane = c.focused(); lane && lane->state != model::LaneState::Unavailable) {
    const auto& walk = lane->walk;
    ImGui::PushFont(c.fonts.data);
    text_in(c.layout, "walk.heading",
            fmt::format("the guest's own tables for {:08x} = directory {:x}h, table {:x}h, offset {:x}h",
                        walk.address, walk.address >> 22, walk.address >> 12 & 0x3FF, walk.address & 0xFFF),
            palette().accent);
    tooltip(
        "Ten bits choose the entry of the page directory, ten that of the page table, twelve the byte. Under "
        "PAE there are two, nine, nine and twelve.");
    walk_line(c, walk.guest, 2, palette().accent, 0, true);
    hardware_walk(c, walk);
    ImGui::PopFont();
    ImGui::PushTextWrapPos();
    ImGui::TextUnformatted(walk.verdict.c_str());
    ImGui::PopTextWrapPos();
    c.layout.add("walk.verdict");
  }
  end_pane();
}

void draw_mappings(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "mappings", "Page-table entries side by side", rect)) return end_pane();
  const auto* lane = c.focused();
  ImGui::PushFont(c.fonts.data);
  const bool shadow = lane && lane->mode == Mode::Trap, nested = lane && lane->vmcs && lane->vmcs->enable_ept;
  if (lane &&
      ImGui::BeginTable(shadow   ? "with shadow"
                        : nested ? "with nested"
                                 : "mappings",
                        shadow || nested ? 4 : 3,
                        ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit)) {
    const float em = ImGui::CalcTextSize("0").x;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("page", 0, em * 8);
    ImGui::TableSetupColumn("guest's entry", 0, em * 14);
    if (shadow) ImGui::TableSetupColumn("shadow entry", 0, em * 14);
    if (nested) ImGui::TableSetupColumn("nested entry", 0, em * 12);
    ImGui::TableSetupColumn("why", ImGuiTableColumnFlags_WidthStretch);
    header_row(c.layout);
    for (const auto& m : lane->mappings) {
      ImGui::TableNextRow();
      ImGui::TableNextColumn();
      text_in(c.layout, "page", fmt::format("{:08x}", m.linear), palette().text);
      ImGui::TableNextColumn();
      text_in(c.layout, "guest", bits(m.guest), palette().text);
      if (shadow || nested) {
        ImGui::TableNextColumn();
        text_in(c.layout, "machine", shadow ? bits(m.shadow) : nested_bits(m.nested), palette().warning);
      }
      ImGui::TableNextColumn();
      ImGui::PushFont(c.fonts.interface);
      text_in(c.layout, "why", m.why, palette().dim);
      ImGui::PopFont();
    }
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
