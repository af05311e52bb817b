// `ringside gui` in the program without windows: it becomes ringside-desktop, which stands beside it. So a
// run without a window does not wait for the window system's libraries to load.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cpu/host_error.h"
#include "ui/cli/commands.h"

namespace ringside::cli {

int gui_command(const GuiCommand& c) {
  const std::filesystem::path desktop =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ringside-desktop";
  if (!std::filesystem::exists(desktop))
    throw HostError(
        "this build has no desktop app. `bash ui/ringside gui` installs what it needs, builds it and opens "
        "it.");
  execv(desktop.c_str(), const_cast<char* const*>(c.argv));
  throw HostError(fmt::format("{} cannot be started: {}", desktop.string(), std::strerror(errno)));
}

}  // namespace ringside::cli
