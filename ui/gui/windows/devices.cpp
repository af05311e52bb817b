// The guest's devices and screen, and the VMCS of a hardware-assisted guest. Looking has no side effects.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

struct VmcsRow {
  std::string_view field;
  std::string value;
  std::string_view meaning;
};

float text_width(std::string_view text) {
  return ImGui::CalcTextSize(text.data(), text.data() + text.size()).x;
}

/// Device, field and value in three columns, or, where that is too wide, the fields under their device.
void devices_table(Context& c, const std::vector<model::DeviceRow>& rows) {
  float device = 0, field = 0, value = 0;
  for (const auto& row : rows) {
    device = std::max(device, text_width(row.device));
    field = std::max(field, text_width(row.field));
    value = std::max(value, text_width(row.value));
  }
  const float gaps = ImGui::GetStyle().CellPadding.x * 6 + ImGui::GetStyle().ScrollbarSize;
  const bool wide = device + field + value + gaps < ImGui::GetContentRegionAvail().x;
  if (!ImGui::BeginTable("devices", wide ? 3 : 2, ImGuiTableFlags_RowBg)) return;
  if (wide) ImGui::TableSetupColumn("device", ImGuiTableColumnFlags_WidthFixed, device);
  ImGui::TableSetupColumn("field", ImGuiTableColumnFlags_WidthFixed, wide ? field : std::max(device, field));
  ImGui::TableSetupColumn("value", ImGuiTableColumnFlags_WidthStretch);
  for (const auto& row : rows) {
    ImGui::TableNextRow();
    ImGui::TableSetColumnIndex(0);
    if (!row.device.empty()) {
      text_in(c.layout, fmt::format("device.{}", row.device).c_str(), row.device, palette().accent);
      tooltip(glossary(row.device));
      if (!wide) ImGui::TableNextRow();
    }
    ImGui::TableSetColumnIndex(wide ? 1 : 0);
    text_in(c.layout, "field", row.field, palette().dim);
    tooltip(glossary(row.field));
    ImGui::TableSetColumnIndex(wide ? 2 : 1);
    text_in(c.layout, "value", row.value, palette().text);
  }
  ImGui::EndTable();
}

}  // namespace

void draw_devices(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "devices", "Devices and screen", rect)) return end_pane();
  const auto* lane = c.focused();
  if (!lane) return end_pane();
  ImGui::PushFont(c.fonts.data);
  devices_table(c, lane->devices);
  if (!lane->screen.empty()) {  // wider than most panes
    ImGui::BeginChild("screen", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
    for (const std::string& line : lane->screen) {
      ImGui::TextUnformatted(line.c_str());
      c.layout.add("screen");
    }
    ImGui::EndChild();
  }
  ImGui::PopFont();
  end_pane();
}

void draw_vmcs(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "vmcs", "VMCS: what exits, what is shadowed", rect)) return end_pane();
  const auto* lane = c.focused();
  if (!lane || !lane->vmcs) return end_pane();
  const Vmcs& v = *lane->vmcs;
  const auto yes = [](bool b) { return std::string(b ? "exits" : "-"); };
  const std::array<VmcsRow, 18> rows{{
      {"external interrupt", yes(v.external_interrupt_exiting),
       "A physical interrupt takes the processor away from the guest."},
      {"interrupt window", yes(v.interrupt_window_exiting),
       "Set while an interrupt waits: exit as soon as the guest can take one."},
      {"HLT", yes(v.hlt_exiting), "The guest has nothing to do."},
      {"INVLPG", yes(v.invlpg_exiting), "Needed with shadow paging; with EPT the guest flushes for itself."},
      {"RDTSC", yes(v.rdtsc_exiting), "Off: the processor adds the TSC offset by itself."},
      {"MOV to CR3", yes(v.cr3_load_exiting),
       "Needed with shadow paging; with EPT the guest's address spaces are its own business."},
      {"MOV from CR3", yes(v.cr3_store_exiting), "Needed with shadow paging."},
      {"MOV DR", yes(v.mov_dr_exiting), "Debug registers."},
      {"I/O", v.use_io_bitmaps ? "by bitmap" : yes(v.unconditional_io_exiting),
       "IN, OUT, INS, OUTS: a bit for each port, or all of them."},
      {"descriptor tables", yes(v.descriptor_table_exiting), "LGDT, SGDT, LIDT and their like."},
      {"exception bitmap", fmt::format("{:08x}", v.exception_bitmap),
       "A bit for each exception that exits instead of going through the guest's IDT. Bit 14 is #PF."},
      {"CR0 mask", fmt::format("{:08x}", v.cr0_guest_host_mask),
       "These bits are the monitor's: the guest reads the shadow, and writing a different value exits."},
      {"CR0 read shadow", fmt::format("{:08x}", v.cr0_read_shadow),
       "What the guest reads in the mask's bits."},
      {"CR4 mask", fmt::format("{:08x}", v.cr4_guest_host_mask), "As for CR0."},
      {"CR4 read shadow", fmt::format("{:08x}", v.cr4_read_shadow), "As for CR0."},
      {"EPT", v.enable_ept ? fmt::format("root {:x}, {} levels", v.ept_root.value, v.ept_levels) : "off",
       "Nested page tables: guest-physical to machine addresses."},
      {"TSC offset", fmt::format("{:x}", v.tsc_offset), "What RDTSC adds in the guest."},
      {"event to inject", v.entry_event ? fmt::format("vector {}", v.entry_event->vector) : "none",
       "Delivered through the guest's IDT at the next entry."},
  }};
  ImGui::PushFont(c.fonts.data);
  if (ImGui::BeginTable("vmcs", 2, ImGuiTableFlags_RowBg)) {
    float names = 0;
    for (const auto& row : rows) names = std::max(names, text_width(row.field));
    ImGui::TableSetupColumn("field", ImGuiTableColumnFlags_WidthFixed, names);
    ImGui::TableSetupColumn("value", ImGuiTableColumnFlags_WidthStretch);
    for (const auto& [field, value, meaning] : rows) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      text_in(c.layout, fmt::format("vmcs.{}", field).c_str(), field, palette().dim);
      tooltip(meaning);
      ImGui::TableSetColumnIndex(1);
      text_in(c.layout, "value", value, palette().text);
    }
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
