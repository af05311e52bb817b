// The state of the dialog that opens a guest: a typed path, and a folder to choose from.
#pragma once

#include <string>
#include <vector>

#include "ui/model/folder.h"

namespace ringside::gui {

struct OpenDialog {
  static constexpr std::size_t kMostRecent = 6;

  model::FolderListing listing;
  bool all_files = false;           ///< also those that do not boot here
  int selected = -1;                ///< a row of what is shown
  bool on_button = false;           ///< the keyboard is on a button: Enter and arrows are its own
  bool refill = false;              ///< the path has been changed under the text field
  std::string asked;                ///< the dialog waits for this guest
  std::vector<std::string> recent;  ///< files, the last one first

  /// A guest is open: if it is a file, it becomes the most recent one.
  void opened(const std::string& guest);
};

}  // namespace ringside::gui
