// What every window gets: the frame to draw, its own state to keep, commands to ask for.
#pragma once

#include <map>
#include <optional>

#include "ui/gui/open_dialog.h"
#include "ui/gui/platform.h"
#include "ui/gui/widgets.h"
#include "ui/model/commands.h"
#include "ui/model/frame.h"
#include "ui/model/lab_work.h"

namespace ringside::gui {

enum class View : std::uint8_t { Compare, Inspect, Memory };

/// Which exit the user has selected: it stays selected while the guest runs on.
struct Selection {
  std::size_t lane = 0;
  ExitRecord exit;
};

/// What belongs to the windows and not to the simulation. Plain data; settings.h says what of it is
/// remembered.
struct UiState {
  View view = View::Compare;
  Theme theme = Theme::Dark;
  float scale = 1;
  bool show_labs = false, show_keys = false, show_open = false, show_breakpoints = false, show_export = false,
       show_go_to = false;
  char filter[64] = "", go_to[16] = "", walk[16] = "c0100000", typed[128] = "", prediction[64] = "",
       open_path[1024] = "";
  OpenDialog open;
  bool type_to_all = true;
  std::optional<Selection> selection;
  double timeline_begin = 0, timeline_end = 0;  ///< guest instructions shown; equal = everything
  std::size_t lab = 0;
  bool lab_checked = false;
  char lab_folder[512] = "";  ///< the student's work; empty = a folder with the lab's name
  int breakpoint_kind = 0, breakpoint_bytes = 4;
  char breakpoint_value[16] = "";
  bool focus_go_to = false;  ///< put the keyboard into the address field
  std::string highlight;     ///< name of a widget that "show me" points at
  std::map<std::string, float>
      splits;  ///< where the user has put the borders between panes: share of the whole
  std::string dragged_split;
  std::string save_picture;  ///< PNG that the program is asked to write
  std::string notice;        ///< what the program itself has to say
  std::string read_error;    ///< the error message that the user has closed
  char export_path[512] = "", seek[24] = "";
};

struct Context {
  const model::Frame& frame;
  UiState& ui;
  Layout& layout;
  const Fonts& fonts;
  std::vector<model::Command>& commands;
  model::LabWork& labs;
  const Input& input;

  const model::LaneFrame* focused() const {
    return frame.focus < frame.lanes.size() ? &frame.lanes[frame.focus] : nullptr;
  }
  void send(model::Command c) const { commands.push_back(std::move(c)); }
};

std::string_view title(Mode mode);  ///< "Trap and emulate"

// One file per window in ui/gui/windows/.
void draw_menu(Context&);
void draw_toolbar(Context&, Rect);
void draw_mode_cards(Context&, Rect);
void draw_timeline(Context&, Rect);
void draw_disassembly(Context&, Rect);
void draw_registers(Context&, Rect);
void draw_rings(Context&, Rect);
void draw_events(Context&, Rect);
void draw_consoles(Context&, Rect);
void draw_anatomy(Context&, Rect);
void draw_page_walk(Context&, Rect);
void draw_mappings(Context&, Rect);
void draw_fault_reason(Context&, Rect);
void draw_frame_map(Context&, Rect);
void draw_devices(Context&, Rect);
void draw_vmcs(Context&, Rect);
void draw_labs(Context&, Rect);
void draw_status(Context&, Rect);
void draw_dialogs(Context&);
void draw_open_dialog(Context&);
/// A small window in the middle, closed by its cross; call ImGui::End() in any case. False if it is not
/// visible.
bool begin_dialog(Context&, const char* name, const char* title, bool* open);

}  // namespace ringside::gui
