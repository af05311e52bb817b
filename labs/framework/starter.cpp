#include "labs/framework/starter.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"

namespace ringside::labs {
namespace {
namespace fs = std::filesystem;

/// The headers of labs/api that a file includes, and those that they include: to read, and for an editor.
/// What is compiled against is the lab's own copy.
void copy_headers(const fs::path& source, const fs::path& folder) {
  static constexpr std::string_view kInclude = "#include \"ringside/";
  const std::string text = read_file(source);
  for (std::size_t at = 0; (at = text.find(kInclude, at)) != std::string::npos;) {
    at += kInclude.size();
    const std::string name = text.substr(at, text.find('"', at) - at);
    const fs::path header = labs_folder() / "api" / "ringside" / name;
    if (!fs::exists(header) || fs::exists(folder / "ringside" / name)) continue;
    fs::create_directories(folder / "ringside");
    fs::copy_file(header, folder / "ringside" / name);
    copy_headers(header, folder);
  }
}

}  // namespace

bool is_guest_source(std::string_view file) {
  const fs::path extension = fs::path(file).extension();
  return extension == ".c" || extension == ".S";
}

std::vector<fs::path> guest_files_of(const Definition& lab) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(lab.folder))
    if (is_guest_source(entry.path().native()) || entry.path().extension() == ".h")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void lay_out(const Definition& lab, const fs::path& folder, const std::string& student) {
  if (fs::exists(folder) && !fs::is_empty(folder))
    throw HostError(fmt::format("{} exists and is not empty; name another folder", folder.string()));
  fs::create_directories(folder);
  fs::copy(lab.folder / "starter", folder, fs::copy_options::recursive);
  for (const char* page : {"README.md", "SPEC.md"}) fs::copy_file(lab.folder / page, folder / page);
  for (const fs::path& file : guest_files_of(lab)) {
    fs::copy_file(file, folder / file.filename());
    copy_headers(file, folder);
  }
  for (const std::string& file : lab.files) copy_headers(folder / file, folder);
  if (!lab.guest.empty()) fs::create_directory(folder / "guest");
  for (const std::string& file : lab.guest)
    fs::copy_file(labs_folder() / "guest" / file, folder / "guest" / file);
  write_file(folder / "student.txt", student + "\n");
}

std::string conclude(const Definition& lab, const fs::path& folder, const Grade& grade) {
  if (grade.points() < grade.most()) return {};
  const fs::path seen = folder / "SEEN.md";
  std::error_code ignored;
  fs::copy_file(lab.folder / "SEEN.md", seen, fs::copy_options::overwrite_existing, ignored);
  std::string words = "All points.";
  if (fs::exists(seen)) words += fmt::format(" What you have seen: {}.", seen.lexically_normal().string());
  const std::vector<Definition> all = all_labs();
  const auto next =
      std::find_if(all.begin(), all.end(), [&](const Definition& other) { return other.id > lab.id; });
  if (next != all.end()) words += fmt::format(" Next: ringside lab start {}", next->id);
  return words + "\n";
}

}  // namespace ringside::labs
