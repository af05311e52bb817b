// The small windows: breakpoints, export, the key map; opening a guest has a file of its own.
#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "hypervisor/accounting/exit_reason.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace {

using Kind = model::command::AddBreakpoint::Kind;
struct BreakpointKind {
  Kind kind;
  const char* label;
  bool on_read = false;
};
constexpr std::array<BreakpointKind, 6> kKinds{{{Kind::Address, "address"},
                                                {Kind::Port, "port"},
                                                {Kind::Memory, "memory written"},
                                                {Kind::Memory, "memory read or written", true},
                                                {Kind::Reason, "exit reason"},
                                                {Kind::Cr3, "CR3 changes"}}};

constexpr std::array<std::pair<const char*, const char*>, 20> kKeys{
    {{"F5", "run or pause"},
     {"Shift+F5", "stop and reset"},
     {"F6, Shift+F6", "focus the next, the previous technique"},
     {"F9", "breakpoint at the current instruction"},
     {"F10", "to the next trap"},
     {"F11", "step one instruction"},
     {"Shift+F11", "step back"},
     {"Ctrl+R", "reset"},
     {"Ctrl+G", "show the code at an address"},
     {"Ctrl+I", "go to a guest instruction, back or forward"},
     {"Ctrl+B", "breakpoints"},
     {"Ctrl+O", "open a guest"},
     {"Ctrl+E", "export what is on screen"},
     {"Ctrl+1 2 3", "Compare, Inspect, Memory"},
     {"Ctrl+L", "lab panel"},
     {"Tab, arrows, Space", "every control by keyboard"},
     {"Alt", "the menus"},
     {"Ctrl +, Ctrl -, Ctrl 0", "timeline: nearer, farther, all of it"},
     {"Esc", "close the small windows"},
     {"F1", "this list, and the selection explained"}}};

std::string file_stem(const std::string& guest) {
  const std::size_t slash = guest.find_last_of('/');
  return slash == std::string::npos ? guest : guest.substr(slash + 1);
}

/// How many bytes a breakpoint on memory watches.
void bytes_combo(Context& c) {
  const auto label = [](int bytes) { return fmt::format("{} byte{}", bytes, bytes > 1 ? "s" : ""); };
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * 6);
  const bool open = ImGui::BeginCombo("##bytes", label(c.ui.breakpoint_bytes).c_str());
  c.layout.add("breakpoints.bytes");
  if (!open) return tooltip("How many bytes from that address on are watched.");
  for (const int bytes : {1, 2, 4}) {
    if (ImGui::Selectable(label(bytes).c_str())) c.ui.breakpoint_bytes = bytes;
    c.layout.add_popup(fmt::format("breakpoints.bytes.{}", bytes));
  }
  ImGui::EndCombo();
}

void add_row(Context& c) {
  const BreakpointKind& chosen = kKinds[static_cast<std::size_t>(c.ui.breakpoint_kind)];
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * 13);
  const bool kinds = ImGui::BeginCombo("##kind", chosen.label);
  c.layout.add("breakpoints.kind");
  if (kinds) {
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
      if (ImGui::Selectable(kKinds[i].label)) c.ui.breakpoint_kind = static_cast<int>(i);
      c.layout.add_popup(fmt::format("breakpoints.kind.{}", kKinds[i].label));
    }
    ImGui::EndCombo();
  }
  tooltip(
      "A port stops where a monitor sees the access: bare metal has none, and a paravirtual guest uses "
      "rings. CR3 changes are "
      "found by single steps, which is slow.");
  const Kind kind = chosen.kind;
  ImGui::SameLine();
  if (kind == Kind::Reason) {
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 14);
    const bool reasons = ImGui::BeginCombo("##reason", "add an exit reason", ImGuiComboFlags_HeightLargest);
    c.layout.add("breakpoints.reason");
    if (reasons) {
      for (const ExitReasonInfo& row : exit_reasons()) {
        if (ImGui::Selectable(std::string(row.name).c_str()))
          c.send(model::command::AddBreakpoint{kind, static_cast<u32>(row.reason)});
        c.layout.add_popup(fmt::format("breakpoints.reason.{}", row.name));
        tooltip(row.what);
      }
      ImGui::EndCombo();
    }
    return;
  }
  if (kind != Kind::Cr3) {
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 7);
    ImGui::InputTextWithHint("##value", "hexadecimal", c.ui.breakpoint_value, sizeof c.ui.breakpoint_value,
                             ImGuiInputTextFlags_CharsHexadecimal);
    c.layout.add("breakpoints.value");
    ImGui::SameLine();
  }
  if (kind == Kind::Memory) {
    bytes_combo(c);
    ImGui::SameLine();
  }
  if (button(c.layout, "breakpoints.add", "Add", "Stop there") &&
      (kind == Kind::Cr3 || c.ui.breakpoint_value[0]))
    c.send(model::command::AddBreakpoint{kind,
                                         static_cast<u32>(std::strtoul(c.ui.breakpoint_value, nullptr, 16)),
                                         static_cast<u32>(c.ui.breakpoint_bytes), chosen.on_read});
}

void breakpoints_dialog(Context& c) {
  if (begin_dialog(c, "breakpoints", "Breakpoints", &c.ui.show_breakpoints)) {
    add_row(c);
    for (const auto& b : c.frame.breakpoints) {
      ImGui::PushID(static_cast<int>(b.id));
      if (button(c.layout, "breakpoints.remove", "Remove", ""))
        c.send(model::command::RemoveBreakpoint{b.id});
      ImGui::SameLine();
      ImGui::TextUnformatted(b.text.c_str());
      ImGui::PopID();
    }
    if (c.frame.breakpoints.empty())
      ImGui::TextDisabled("none; a click on a row of the disassembly sets one");
  }
  ImGui::End();
}

void export_dialog(Context& c) {
  using What = model::command::Export::What;
  if (begin_dialog(c, "export", "Export what is on screen", &c.ui.show_export)) {
    if (!c.ui.export_path[0])
      *fmt::format_to_n(c.ui.export_path, sizeof c.ui.export_path - 1, "ringside-{}",
                        file_stem(c.frame.guest))
           .out = 0;
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 28);
    ImGui::InputTextWithHint("##path", "file name without its ending", c.ui.export_path,
                             sizeof c.ui.export_path);
    c.layout.add("export.path");
    const std::string path = c.ui.export_path;
    const auto row = [&](const char* name, const char* label, const char* tip, std::optional<What> what) {
      if (!button(c.layout, fmt::format("export.{}", name).c_str(), label, tip, !path.empty())) return;
      c.ui.notice.clear();
      if (what)
        c.send(model::command::Export{*what, fmt::format("{}.{}", path, name)});
      else
        c.ui.save_picture = fmt::format("{}.{}", path, name);
    };
    row("csv", "Comparison, CSV", "One line for each technique: opens in a spreadsheet", What::ComparisonCsv);
    ImGui::SameLine();
    row("json", "Comparison, JSON", "ringside/compare/v1, as `ringside compare --json` prints it",
        What::ComparisonJson);
    ImGui::SameLine();
    row("png", "Picture, PNG", "This window as it is", std::nullopt);
    ImGui::SameLine();
    row("trace.json", "Timeline, trace",
        "Every exit so far as a Chrome trace, a process for each technique: open it in "
        "https://ui.perfetto.dev. "
        "The run is replayed for it.",
        What::Trace);
    const std::string& said = c.ui.notice.empty() ? c.frame.message : c.ui.notice;
    text_in(c.layout, "export.message",
            said.empty() ? "the files go to the folder that Ringside was started in" : said,
            c.frame.message_is_error ? palette().bad : palette().dim, ImGui::GetFontSize() * 36);
  }
  ImGui::End();
}

/// What went wrong, in the middle of what the user looks at, until it has been read.
void error_dialog(Context& c) {
  bool open = true;
  if (begin_dialog(c, "error", "That did not work", &open)) {
    ImGui::PushTextWrapPos(ImGui::GetFontSize() * 34);
    ImGui::TextUnformatted(c.frame.message.c_str());
    ImGui::PopTextWrapPos();
    c.layout.add("error.message");
    if (button(c.layout, "error.close", "Close", "Nothing has changed: what was open is still open"))
      open = false;
  }
  ImGui::End();
  if (!open) c.ui.read_error = c.frame.message;
}

void go_to_dialog(Context& c) {
  if (begin_dialog(c, "seek", "Go to a guest instruction", &c.ui.show_go_to)) {
    ImGui::TextUnformatted("Every technique is taken there, back or forward.");
    if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 12);
    const bool entered =
        ImGui::InputTextWithHint("##instruction", "number, decimal", c.ui.seek, sizeof c.ui.seek,
                                 ImGuiInputTextFlags_CharsDecimal | ImGuiInputTextFlags_EnterReturnsTrue);
    c.layout.add("seek.instruction");
    ImGui::SameLine();
    if ((button(c.layout, "seek.go", "Go", "By the nearest snapshot and deterministic replay") || entered) &&
        c.ui.seek[0]) {
      c.send(model::command::Seek{std::strtoull(c.ui.seek, nullptr, 10)});
      c.ui.show_go_to = false;
    }
  }
  ImGui::End();
}

/// What is selected, in plain words.
void explain_selection(Context& c) {
  if (!c.ui.selection) {
    ImGui::TextDisabled("Nothing is selected. Select an exit in the list, or point at any word.");
    return;
  }
  const ExitReasonInfo& row = info(c.ui.selection->exit.reason);
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * 34);
  ImGui::TextUnformatted(fmt::format("Selected: {}. {} {}", row.name, row.what, row.monitor_does).c_str());
  ImGui::PopTextWrapPos();
  c.layout.add("keys.selection");
}

void keys_dialog(Context& c) {
  const bool visible = begin_dialog(c, "keys", "Keys, and what is selected", &c.ui.show_keys);
  if (visible) explain_selection(c);
  if (visible && ImGui::BeginTable("keys", 2)) {
    for (auto [key, what] : kKeys) {
      ImGui::TableNextRow();
      ImGui::TableSetColumnIndex(0);
      ImGui::TextUnformatted(key);
      ImGui::TableSetColumnIndex(1);
      ImGui::TextUnformatted(what);
    }
    ImGui::EndTable();
  }
  ImGui::End();
}

}  // namespace

bool begin_dialog(Context& c, const char* name, const char* title, bool* open) {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Appearing, {0.5f, 0.5f});
  const bool visible = ImGui::Begin(
      fmt::format("{}###{}", title, name).c_str(), open,
      ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoCollapse);
  const ImVec2 at = ImGui::GetWindowPos(), extent = ImGui::GetWindowSize();
  c.layout.add_pane(name, {at.x, at.y, at.x + extent.x, at.y + extent.y});
  return visible;
}

void draw_dialogs(Context& c) {
  if (c.ui.show_open) draw_open_dialog(c);
  if (c.ui.show_breakpoints) breakpoints_dialog(c);
  if (c.ui.show_keys) keys_dialog(c);
  if (c.ui.show_export) export_dialog(c);
  if (c.ui.show_go_to) go_to_dialog(c);
  if (!c.frame.message_is_error) c.ui.read_error.clear();
  const bool told = c.ui.show_open && !c.ui.open.asked.empty();  // there
  if (c.frame.message_is_error && c.frame.message != c.ui.read_error && !told) error_dialog(c);
}

}  // namespace ringside::gui
