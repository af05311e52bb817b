// The guest's devices and screen, and the VMCS of a hardware-assisted guest. Looking has no side effects.
#include <fmt/format.h>

#include "ui/gui/context.h"

namespace ringside::gui {

void draw_devices(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "devices", "Devices and screen", rect)) return end_pane();
  const auto* lane = c.focused();
  if (!lane) return end_pane();
  ImGui::PushFont(c.fonts.data);
  if (ImGui::BeginTable("devices", 3, ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) {
    for (const auto& row : lane->devices) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      text_in(c.layout, "device", row.device, palette().accent);
      ImGui::TableSetColumnIndex(1);
      text_in(c.layout, "field", row.field, palette().dim);
      ImGui::TableSetColumnIndex(2);
      text_in(c.layout, "value", row.value, palette().text);
    }
    ImGui::EndTable();
  }
  for (const std::string& line : lane->screen) text_in(c.layout, "screen", line, palette().text);
  ImGui::PopFont();
  end_pane();
}

void draw_vmcs(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "vmcs", "VMCS: what exits, what is shadowed", rect)) return end_pane();
  const auto* lane = c.focused();
  if (!lane || !lane->vmcs) {
    ImGui::PushTextWrapPos();
    ImGui::TextUnformatted("Only a hardware-assisted guest has a VMCS. Focus the hvm card.");
    ImGui::PopTextWrapPos();
    c.layout.add("vmcs.none");
    return end_pane();
  }
  const Vmcs& v = *lane->vmcs;
  const auto yes = [](bool b) { return std::string(b ? "exits" : "-"); };
  const std::array<std::pair<std::string_view, std::string>, 16> rows{{
      {"external interrupt", yes(v.external_interrupt_exiting)},
      {"interrupt window", yes(v.interrupt_window_exiting)},
      {"HLT", yes(v.hlt_exiting)},
      {"INVLPG", yes(v.invlpg_exiting)},
      {"RDTSC", yes(v.rdtsc_exiting)},
      {"MOV to CR3", yes(v.cr3_load_exiting)},
      {"MOV from CR3", yes(v.cr3_store_exiting)},
      {"MOV DR", yes(v.mov_dr_exiting)},
      {"I/O", v.use_io_bitmaps ? "by bitmap" : yes(v.unconditional_io_exiting)},
      {"descriptor tables", yes(v.descriptor_table_exiting)},
      {"exception bitmap", fmt::format("{:08x}", v.exception_bitmap)},
      {"CR0 mask / shadow", fmt::format("{:08x} / {:08x}", v.cr0_guest_host_mask, v.cr0_read_shadow)},
      {"CR4 mask / shadow", fmt::format("{:08x} / {:08x}", v.cr4_guest_host_mask, v.cr4_read_shadow)},
      {"EPT", v.enable_ept ? fmt::format("root {:x}, {} levels", v.ept_root.value, v.ept_levels) : "off"},
      {"TSC offset", fmt::format("{:x}", v.tsc_offset)},
      {"event to inject", v.entry_event ? fmt::format("vector {}", v.entry_event->vector) : "none"},
  }};
  ImGui::PushFont(c.fonts.data);
  if (ImGui::BeginTable("vmcs", 2, ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) {
    for (const auto& [field, value] : rows) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      text_in(c.layout, "field", field, palette().dim);
      ImGui::TableSetColumnIndex(1);
      text_in(c.layout, "value", value, palette().text);
    }
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
