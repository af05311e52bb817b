// What a folder holds, for a dialog that opens guests.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cpu/address.h"

namespace ringside::model {

inline constexpr std::size_t kMostFolderEntries = 5000;

struct FolderEntry {
  std::string name;
  bool folder = false;
  u64 bytes = 0;     ///< of a file
  std::string kind;  ///< "ELF32", "boot sector", "flat binary" (by its name); empty = nothing that boots here
};

struct FolderListing {
  std::filesystem::path path;
  std::vector<FolderEntry> entries;  ///< folders first, then files, by name; hidden ones are left out
  std::string problem;               ///< why some or all are missing, with the remedy
};

/// Of the current folder if `folder` is empty. Looks at each file's first sector. Never throws: what cannot
/// be read is told in `problem`.
FolderListing list_folder(const std::filesystem::path& folder);

/// What the user means by `text` while `folder` is shown: "~" is their home, a name in the folder is that
/// file, anything else stays as it is (a built-in guest, or an error when it is opened).
std::string resolve(const std::string& text, const std::filesystem::path& folder);

}  // namespace ringside::model
