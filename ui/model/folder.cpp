#include "ui/model/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

namespace ringside::model {
namespace fs = std::filesystem;
namespace {

std::string kind_of(const fs::path& file) {
  std::array<unsigned char, 512> sector{};
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(sector.data()), sector.size());
  const auto starts_with = [&](std::initializer_list<unsigned char> bytes) {
    return std::equal(bytes.begin(), bytes.end(), sector.begin());
  };
  constexpr unsigned char kClass32 = 1, kLittleEndian = 1;
  if (starts_with({0x7F, 'E', 'L', 'F'}))
    return sector[4] == kClass32 && sector[5] == kLittleEndian ? "ELF32" : "";
  if (sector[510] == 0x55 && sector[511] == 0xAA) return "boot sector";
  const std::string ending = file.extension().string();
  return ending == ".bin" || ending == ".com" ? "flat binary" : "";
}

std::string cannot_list(const fs::path& folder, const std::error_code& error) {
  return fmt::format("{} cannot be listed: {}. Go up, or type a path.", folder.string(), error.message());
}

}  // namespace

FolderListing list_folder(const fs::path& folder) {
  FolderListing listing;
  std::error_code error;
  listing.path = (folder.empty() ? fs::current_path(error) : fs::absolute(folder, error)).lexically_normal();
  if (!listing.path.has_filename() && listing.path.has_relative_path())
    listing.path = listing.path.parent_path();  // "/a/b/" is "/a/b"
  fs::directory_iterator at(listing.path, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    FolderEntry entry;
    entry.name = at->path().filename().string();
    if (entry.name.starts_with('.')) continue;
    if (listing.entries.size() == kMostFolderEntries) {
      listing.problem =
          fmt::format("There is more here than the first {} entries. Type the path of what is missing.",
                      kMostFolderEntries);
      break;
    }
    std::error_code unreadable;  // a link to nowhere, or to what is not ours
    entry.folder = at->is_directory(unreadable);
    if (!entry.folder && !at->is_regular_file(unreadable)) continue;  // a pipe would wait for its writer
    if (!entry.folder) {
      entry.bytes = at->file_size(unreadable);
      entry.kind = kind_of(at->path());
    }
    listing.entries.push_back(std::move(entry));
  }
  if (error) listing.problem = cannot_list(listing.path, error);
  std::sort(listing.entries.begin(), listing.entries.end(), [](const FolderEntry& a, const FolderEntry& b) {
    return a.folder != b.folder ? a.folder : a.name < b.name;
  });
  return listing;
}

std::string resolve(const std::string& text, const fs::path& folder) {
  const char* home = std::getenv("HOME");
  if (home && (text == "~" || text.starts_with("~/"))) return home + text.substr(1);
  std::error_code error;
  if (const fs::path inside = folder / text; fs::exists(inside, error))
    return inside.lexically_normal().string();
  return text;
}

}  // namespace ringside::model
