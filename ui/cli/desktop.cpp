// `ringside gui` in the program that has windows, ringside-desktop.
#include "ui/cli/arguments.h"
#include "ui/cli/commands.h"
#include "ui/gui/gui.h"

namespace ringside::cli {

int gui_command(const GuiCommand& c) {
  gui::GuiOptions options;
  options.guest_given = !c.guest.empty();
  if (options.guest_given) options.session.guest = c.guest;
  options.session.command_line = c.append;
  options.session.profile = c.profile;
  options.session.modes = parse_modes(c.modes);
  options.session.sensitive = parse_sensitive(c.sensitive);
  options.screenshot = c.screenshot;
  if (!c.focus.empty()) options.focus = parse_mode(c.focus);
  options.view = c.view;
  options.at_instruction = c.at_instruction.empty() ? 0 : parse_count("--at-instruction", c.at_instruction);
  std::tie(options.width, options.height) = parse_size(c.size);
  options.scale = c.scale;
  options.theme = c.theme;
  options.labs = c.labs;
  options.software = c.software;
  return gui::run_gui(options);
}

}  // namespace ringside::cli
