// Memory: the walk of one address with its reference count, guest and machine entries side by side with why,
// and why the last page fault of the focused lane happened.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

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

void walk_boxes(Context& c, const std::vector<model::WalkRow>& rows, ImU32 colour, std::string_view heading) {
  text_in(c.layout, "walk.heading", heading, colour);
  const float line = ImGui::GetTextLineHeight(), height = line * 3 + 10;
  const float width = std::min(
      ImGui::GetContentRegionAvail().x / static_cast<float>(std::max<std::size_t>(1, rows.size())) - 26,
      ImGui::CalcTextSize("0").x * 34);
  ImDrawList& draw = *ImGui::GetWindowDrawList();
  ImVec2 at = ImGui::GetCursorScreenPos();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ImVec2 end{at.x + width, at.y + height};
    draw.AddRectFilled(at, end, palette().background, 4);
    draw.AddRect(at, end, colour, 4, 0, 1.5f);
    const std::array<std::string, 3> lines{
        fmt::format("{}. {}", i + 1, rows[i].table),
        rows[i].is_entry ? fmt::format("[{:x}] = {:08x}", rows[i].address, rows[i].entry)
                         : fmt::format("guest-physical {:x}", rows[i].address),
        rows[i].meaning};
    for (std::size_t l = 0; l < lines.size(); ++l) {
      ImGui::SetCursorScreenPos({at.x + 6, at.y + 4 + line * static_cast<float>(l)});
      text_in(c.layout, "walk.box", lines[l], l == 0 ? palette().text : palette().dim, width - 12);
    }
    if (i + 1 < rows.size()) draw.AddText({end.x + 7, (at.y + end.y - line) / 2}, palette().text, "→");
    at.x = end.x + 26;
  }
  ImGui::SetCursorScreenPos({ImGui::GetWindowPos().x + ImGui::GetStyle().WindowPadding.x, at.y + height + 6});
}

bool is_page_exit(ExitReason reason) {
  const ExitTopic topic = info(reason).topic;
  return topic == ExitTopic::PageTables || topic == ExitTopic::PageFaults;
}

std::string bits(std::optional<u32> entry) {
  if (!entry) return "-";
  if (!(*entry & pte::P)) return fmt::format("{:08x} -----", *entry);
  return fmt::format("{:08x} P{}{}{}{}", *entry, *entry & pte::W ? 'W' : '-', *entry & pte::U ? 'U' : '-',
                     *entry & pte::A ? 'A' : '-', *entry & pte::D ? 'D' : '-');
}

}  // namespace

void draw_page_walk(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "walk", "Page walk", rect)) return end_pane();
  address_bar(c);
  if (const auto* lane = c.focused(); lane && lane->state != model::LaneState::Unavailable) {
    const auto& walk = lane->walk;
    ImGui::PushFont(c.fonts.data);
    walk_boxes(c, walk.guest, palette().accent, fmt::format("the guest's tables for {:08x}", walk.address));
    walk_boxes(c, walk.hardware, palette().warning, "what the processor walks");
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
  if (lane && ImGui::BeginTable(
                  "mappings", 4,
                  ImGuiTableFlags_ScrollY | ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingStretchProp)) {
    ImGui::TableSetupScrollFreeze(0, 1);
    ImGui::TableSetupColumn("page", 0, 0.8f);
    ImGui::TableSetupColumn("guest entry", 0, 1.3f);
    ImGui::TableSetupColumn("in use", 0, 1.3f);
    ImGui::TableSetupColumn("why", 0, 3);
    ImGui::TableHeadersRow();
    for (const auto& m : lane->mappings) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      text_in(c.layout, "page", fmt::format("{:08x}", m.linear), palette().text);
      ImGui::TableSetColumnIndex(1);
      text_in(c.layout, "guest", bits(m.guest_entry), palette().text);
      ImGui::TableSetColumnIndex(2);
      text_in(c.layout, "machine", bits(m.machine_entry),
              m.guest_entry == m.machine_entry ? palette().dim : palette().warning);
      ImGui::TableSetColumnIndex(3);
      text_in(c.layout, "why", m.why, palette().dim);
    }
    ImGui::EndTable();
  }
  ImGui::PopFont();
  end_pane();
}

void draw_fault_reason(Context& c, Rect rect) {
  if (!begin_pane(c.layout, "fault", "Why did it fault?", rect)) return end_pane();
  const auto* lane = c.focused();
  const auto is_fault = [](const ExitRecord& e) { return is_page_exit(e.reason) && e.detail; };
  const ExitRecord* fault = nullptr;
  if (lane && lane->events) {
    const auto it = std::find_if(lane->events->rbegin(), lane->events->rend(), is_fault);
    if (it != lane->events->rend()) fault = &*it;
  }
  ImGui::PushTextWrapPos();
  if (!fault) {
    ImGui::TextUnformatted(lane && lane->mode == Mode::Native
                               ? "Bare metal: page faults go straight to the guest's own handler."
                               : "No exit for a page has been recorded yet. Run the guest.");
  } else {
    const ExitReasonInfo& reason = info(fault->reason);
    ImGui::TextUnformatted(
        fmt::format("Address {:08x}, at EIP {:08x}, guest ring {}.", fault->detail, fault->eip, fault->cpl)
            .c_str());
    ImGui::Bullet();
    ImGui::TextUnformatted(fmt::format("{}: {}", reason.name, reason.what).c_str());
    ImGui::Bullet();
    ImGui::TextUnformatted(reason.monitor_does.data(),
                           reason.monitor_does.data() + reason.monitor_does.size());
    ImGui::Bullet();
    ImGui::TextUnformatted(fmt::format("cost: {} modelled cycles", grouped(fault->cycles)).c_str());
    if (button(c.layout, "fault.walk", "Walk this address", "Show its page walk now"))
      c.send(model::command::WalkAddress{fault->detail});
  }
  ImGui::PopTextWrapPos();
  end_pane();
}

}  // namespace ringside::gui
