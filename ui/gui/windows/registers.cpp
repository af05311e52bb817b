// What the guest believes (virtual) against what the processor holds (real); differences are marked with ≠.
#include <fmt/format.h>

#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

void row(Context& c, std::string_view name, const std::string& virtual_value, const std::string& real_value) {
  ImGui::TableNextRow();
  ImGui::TableSetColumnIndex(0);
  text_in(c.layout, name.empty() ? "register" : fmt::format("register.{}", name).c_str(), name,
          palette().dim);
  tooltip(glossary(name));
  ImGui::TableSetColumnIndex(1);
  text_in(c.layout, "virtual", virtual_value, palette().text);
  ImGui::TableSetColumnIndex(2);
  if (virtual_value == real_value)
    text_in(c.layout, "real", "=", palette().dim);
  else
    text_in(c.layout, "real", fmt::format("≠ {}", real_value), palette().warning);
}

std::string hex(u32 value) { return fmt::format("{:08x}", value); }

std::string flags(u32 value) {
  std::string text;
  constexpr std::array<std::pair<u32, char>, 8> kShown{{{eflags::OF, 'O'},
                                                        {eflags::DF, 'D'},
                                                        {eflags::IF, 'I'},
                                                        {eflags::TF, 'T'},
                                                        {eflags::SF, 'S'},
                                                        {eflags::ZF, 'Z'},
                                                        {eflags::PF, 'P'},
                                                        {eflags::CF, 'C'}}};
  for (auto [bit, letter] : kShown) text += value & bit ? letter : '-';
  return text;
}

std::string segment(const SegmentRegister& s) { return fmt::format("{:04x} dpl{}", s.selector, s.dpl()); }

}  // namespace

void draw_registers(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "registers", "Registers: virtual and real", rect)) return end_pane();
  const model::LaneFrame* lane = c.focused();
  ImGui::PushFont(c.fonts.data);
  if (lane && ImGui::BeginTable(
                  "registers", 3,
                  ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) {
    const CpuState &v = lane->guest, &r = lane->real;
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("", 0, 0.8f);
    ImGui::TableSetupColumn("virtual", 0, 1.2f);
    ImGui::TableSetupColumn("real", 0, 1.4f);
    header_row(c.layout);
    constexpr std::array<std::string_view, 8> kGpr{"EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"};
    row(c, "EIP", hex(v.eip), hex(r.eip));
    row(c, "EFLAGS", hex(v.eflags), hex(r.eflags));
    row(c, "", flags(v.eflags), flags(r.eflags));
    row(c, "CPL", std::to_string(v.cpl()), std::to_string(r.cpl()));
    // What a monitor virtualizes comes first: the general registers are the guest's in every technique.
    row(c, "CR0", hex(v.cr0), hex(r.cr0));
    row(c, "CR3", hex(v.cr3), hex(r.cr3));
    row(c, "CS", segment(v.seg[CS]), segment(r.seg[CS]));
    row(c, "SS", segment(v.seg[SS]), segment(r.seg[SS]));
    row(c, "GDTR", hex(v.gdtr.base), hex(r.gdtr.base));
    row(c, "IDTR", hex(v.idtr.base), hex(r.idtr.base));
    row(c, "TR", segment(v.tr), segment(r.tr));
    for (std::size_t i : {0, 3, 1, 2, 6, 7, 5, 4}) row(c, kGpr[i], hex(v.gpr[i]), hex(r.gpr[i]));
    row(c, "CR2", hex(v.cr2), hex(r.cr2));
    row(c, "CR4", hex(v.cr4), hex(r.cr4));
    constexpr std::array<std::pair<Seg, std::string_view>, 4> kData{
        {{DS, "DS"}, {ES, "ES"}, {FS, "FS"}, {GS, "GS"}}};
    for (auto [i, name] : kData) row(c, name, segment(v.seg[i]), segment(r.seg[i]));
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

}  // namespace ringside::gui
