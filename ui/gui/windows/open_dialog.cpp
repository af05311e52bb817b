// Open a guest: typed, chosen from a folder, or opened before. By mouse and by keyboard: whatever is chosen
// stands in the path field, and Enter opens what stands there.
#include <SDL_keycode.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "guests/builtin.h"
#include "ui/gui/context.h"

namespace ringside::gui {
namespace fs = std::filesystem;
namespace {

constexpr float kWidth = 44, kRows = 12;  // in lines of text

void put(Context& c, const std::string& path) {
  *fmt::format_to_n(c.ui.open_path, sizeof c.ui.open_path - 1, "{}", path).out = 0;
  c.ui.open.refill = true;
}

void show_folder(Context& c, const fs::path& folder) {
  OpenDialog& o = c.ui.open;
  o.listing = model::list_folder(folder);
  o.selected = -1;
  o.asked.clear();
}

void go_up(Context& c) {
  const fs::path below = c.ui.open.listing.path;
  show_folder(c, below.parent_path());
  put(c, "");
}

/// What stands in the path field: a folder is shown, anything else is opened.
void take(Context& c) {
  if (!c.ui.open_path[0]) return;
  const std::string path = find_builtin_guest(c.ui.open_path)
                               ? c.ui.open_path
                               : model::resolve(c.ui.open_path, c.ui.open.listing.path);
  std::error_code error;
  if (fs::is_directory(path, error)) {
    show_folder(c, path);
    put(c, "");
  } else {
    c.ui.open.asked = path;
    c.send(model::command::Open{path});
  }
}

std::vector<const model::FolderEntry*> shown_entries(const OpenDialog& o) {
  std::vector<const model::FolderEntry*> shown;
  for (const auto& entry : o.listing.entries)
    if (o.all_files || entry.folder || !entry.kind.empty()) shown.push_back(&entry);
  return shown;
}

void select(Context& c, int row, const model::FolderEntry& entry) {
  c.ui.open.selected = row;
  put(c, (c.ui.open.listing.path / entry.name).string());
}

/// The text field keeps a copy of its own while it has the keyboard: what has been chosen must go there, too.
int refill(ImGuiInputTextCallbackData* data) {
  const auto& c = *static_cast<const Context*>(data->UserData);
  if (data->EventFlag != ImGuiInputTextFlags_CallbackAlways || !c.ui.open.refill) return 0;
  data->DeleteChars(0, data->BufTextLen);
  data->InsertChars(0, c.ui.open_path);
  c.ui.open.refill = false;
  return 0;
}

/// After a control that has its own use for Enter and arrows, once the user moves by keyboard.
void note_button(Context& c) { c.ui.open.on_button |= ImGui::IsItemFocused() && ImGui::GetIO().NavVisible; }

void path_field(Context& c) {
  OpenDialog& o = c.ui.open;
  if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * (kWidth - 6));
  const bool filled = o.refill;
  // History: the arrow keys are for the list.
  const bool changed = ImGui::InputTextWithHint(
      "##path", "path, or name of a built-in guest", c.ui.open_path, sizeof c.ui.open_path,
      ImGuiInputTextFlags_CallbackAlways | ImGuiInputTextFlags_CallbackHistory, refill, &c);
  if (changed && !filled) o.selected = -1;
  if (!ImGui::IsItemActive()) o.refill = false;
  c.layout.add("open.path");
  ImGui::SameLine();
  if (button(c.layout, "open.go", "Open", "Boot it in every mode, or show the folder")) take(c);
  note_button(c);
}

void place(Context& c) {
  OpenDialog& o = c.ui.open;
  if (button(c.layout, "open.up", "Up", "The folder above (Ctrl+Up)", o.listing.path.has_relative_path()))
    go_up(c);
  note_button(c);
  ImGui::SameLine();
  const float filter = ImGui::CalcTextSize("all files").x + ImGui::GetFrameHeight() * 1.6f;
  ImGui::AlignTextToFramePadding();
  text_in(c.layout, "open.folder", o.listing.path.string(), palette().text,
          ImGui::GetContentRegionAvail().x - filter);
  ImGui::SameLine(ImGui::GetContentRegionMax().x - filter);
  if (ImGui::Checkbox("all files", &o.all_files)) o.selected = -1;
  note_button(c);
  c.layout.add("open.all");
  tooltip("Otherwise only what can boot here: ELF32, boot sectors, and .bin and .com files.");
}

std::string size_text(u64 bytes) {
  return bytes < 10'000 ? fmt::format("{} B", bytes) : fmt::format("{} KiB", bytes >> 10);
}

/// True if a row has been double-clicked.
bool row_of(Context& c, int row, const model::FolderEntry& entry) {
  OpenDialog& o = c.ui.open;
  ImGui::TableNextRow();
  ImGui::TableSetColumnIndex(0);
  ImGui::PushID(row);
  const bool clicked =
      ImGui::Selectable("##row", o.selected == row,
                        ImGuiSelectableFlags_SpanAllColumns | ImGuiSelectableFlags_AllowDoubleClick);
  ImGui::PopID();
  c.layout.add_row("open.row." + entry.name);
  const bool twice = clicked && ImGui::IsMouseDoubleClicked(0);
  if (clicked) select(c, row, entry);
  ImGui::SameLine(0, 0);
  text_in(c.layout, "open.name", entry.folder ? entry.name + "/" : entry.name,
          entry.folder ? palette().accent : palette().text);
  ImGui::TableSetColumnIndex(1);
  text_in(c.layout, "open.kind", entry.folder ? "folder" : entry.kind, palette().dim);
  ImGui::TableSetColumnIndex(2);
  if (!entry.folder) text_in(c.layout, "open.size", size_text(entry.bytes), palette().dim);
  return twice;
}

void list(Context& c, bool follow) {
  OpenDialog& o = c.ui.open;
  const auto entries = shown_entries(o);
  const ImVec2 size{ImGui::GetFontSize() * kWidth, ImGui::GetTextLineHeightWithSpacing() * kRows};
  bool twice = false;
  if (ImGui::BeginTable(
          "files", 3, ImGuiTableFlags_RowBg | ImGuiTableFlags_ScrollY | ImGuiTableFlags_BordersOuter, size)) {
    ImGui::TableSetupColumn("name", ImGuiTableColumnFlags_WidthStretch);
    ImGui::TableSetupColumn("kind", ImGuiTableColumnFlags_WidthFixed, ImGui::GetFontSize() * 7);
    ImGui::TableSetupColumn("size", ImGuiTableColumnFlags_WidthFixed, ImGui::GetFontSize() * 6);
    for (int row = 0; row < static_cast<int>(entries.size()) && !twice; ++row) {
      twice = row_of(c, row, *entries[static_cast<std::size_t>(row)]);
      if (follow && row == o.selected) ImGui::SetScrollHereY();
    }
    ImGui::EndTable();
  }
  if (twice)
    take(c);
  else if (entries.empty() && o.listing.problem.empty())
    ImGui::TextDisabled(
        "%s", o.all_files ? "an empty folder" : "nothing here that boots; \"all files\" shows the rest");
}

/// True if the selection has moved.
bool keys(Context& c, bool enter_opens) {
  OpenDialog& o = c.ui.open;
  const auto entries = shown_entries(o);
  bool moved = false;
  for (const KeyPress& press : c.input.keys) {
    const bool down = press.key == SDLK_DOWN;
    if (press.key == SDLK_UP && press.control)
      go_up(c);
    else if ((press.key == SDLK_RETURN || press.key == SDLK_KP_ENTER) && enter_opens)
      take(c);
    else if ((press.key == SDLK_UP || down) && enter_opens && !entries.empty()) {
      const int last = static_cast<int>(entries.size()) - 1;
      const int row = std::clamp(o.selected + (down ? 1 : -1), 0, last);
      select(c, row, *entries[static_cast<std::size_t>(row)]);
      moved = true;
    }
  }
  return moved;
}

void recent(Context& c) {
  OpenDialog& o = c.ui.open;
  if (o.recent.empty()) return;
  ImGui::TextDisabled("Opened before:");
  for (std::size_t i = 0; i < o.recent.size(); ++i) {
    ImGui::PushID(static_cast<int>(i));
    const float line = ImGui::GetTextLineHeight();
    if (ImGui::Selectable("##recent", false, 0, {ImGui::GetFontSize() * kWidth, line})) {
      put(c, o.recent[i]);
      take(c);
    }
    note_button(c);
    c.layout.add_row(fmt::format("open.recent.{}", i));
    ImGui::SameLine(0, 0);
    text_in(c.layout, "open.recent", o.recent[i], palette().text, ImGui::GetFontSize() * kWidth);
    ImGui::PopID();
  }
}

void problem(Context& c, const std::string& text) {
  ImGui::PushTextWrapPos(ImGui::GetFontSize() * kWidth);
  ImGui::PushStyleColor(ImGuiCol_Text, palette().bad);
  ImGui::TextUnformatted(text.c_str());
  ImGui::PopStyleColor();
  ImGui::PopTextWrapPos();
  c.layout.add("open.error");
}

}  // namespace

void OpenDialog::opened(const std::string& guest) {
  if (find_builtin_guest(guest)) return;
  std::error_code error;
  const std::string path = fs::absolute(guest, error).lexically_normal().string();
  std::erase(recent, path);
  recent.insert(recent.begin(), path);
  if (recent.size() > kMostRecent) recent.resize(kMostRecent);
}

void draw_open_dialog(Context& c) {
  OpenDialog& o = c.ui.open;
  if (begin_dialog(c, "open", "Open a guest", &c.ui.show_open)) {
    if (ImGui::IsWindowAppearing()) {
      const bool file = !find_builtin_guest(c.frame.guest);
      show_folder(c, file ? fs::path(c.frame.guest).parent_path() : o.listing.path);
    }
    ImGui::TextUnformatted(
        "A Multiboot ELF32 kernel, a flat binary or a boot sector; dropped on the window, too.");
    const bool moved = keys(c, !std::exchange(o.on_button, false));
    path_field(c);
    place(c);
    list(c, moved);
    recent(c);
    if (!o.listing.problem.empty()) problem(c, o.listing.problem);
    if (!o.asked.empty() && c.frame.message_is_error) problem(c, c.frame.message);
    if (!o.asked.empty() && !c.frame.message_is_error && c.frame.guest == o.asked) {
      o.asked.clear();
      c.ui.show_open = false;
    }
  }
  ImGui::End();
}

}  // namespace ringside::gui
