#include "labs/framework/definition.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside::labs {
namespace fs = std::filesystem;

unsigned Definition::points() const {
  unsigned sum = 0;
  for (const Step& s : steps) sum += s.points;
  return sum;
}

const Step* Definition::step(std::string_view wanted) const {
  const auto it = std::find_if(steps.begin(), steps.end(), [&](const Step& s) { return s.id == wanted; });
  return it == steps.end() ? nullptr : &*it;
}

std::string_view Definition::hint(std::string_view wanted) const {
  const auto it = std::find_if(hints.begin(), hints.end(), [&](const Hint& h) { return h.id == wanted; });
  return it == hints.end() ? std::string_view() : std::string_view(it->text);
}

fs::path labs_folder() {
  const char* chosen = std::getenv("RINGSIDE_LABS");
  fs::path folder = chosen && *chosen ? chosen : RINGSIDE_LABS_FOLDER;
  if (!fs::is_directory(folder))
    throw HostError(
        fmt::format("the labs are not in {}; point RINGSIDE_LABS to their folder", folder.string()));
  return folder;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !fs::is_regular_file(path) || !(text << in.rdbuf()).good()) {
    if (fs::is_regular_file(path) && fs::file_size(path) == 0) return {};
    throw HostError(fmt::format("{}: cannot be read", path.string()));
  }
  return text.str();
}

void write_file(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.flush();
  if (!out) throw HostError(fmt::format("{}: cannot be written", path.string()));
}

namespace {

Definition load(const fs::path& folder) {
  const fs::path file = folder / "lab.json";
  try {
    const auto json = nlohmann::json::parse(read_file(file));
    Definition lab{.id = folder.filename().string().substr(0, 2),
                   .name = folder.filename().string(),
                   .title = json.at("title"),
                   .question = json.at("question"),
                   .prediction = json.value("prediction", ""),
                   .folder = folder};
    const auto names = [&](const char* key) {
      std::vector<std::string> all = json.value(key, std::vector<std::string>());
      for (const std::string& name : all)
        if (name.empty() || name.find('/') != std::string::npos || name[0] == '.')
          throw HostError(fmt::format("{}: '{}' is no plain file name", file.string(), name));
      return all;
    };
    lab.files = names("files");
    if (lab.files.empty()) throw HostError(fmt::format("{}: no \"files\" to hand in", file.string()));
    lab.guest = names("guest");
    for (const auto& s : json.at("steps"))
      lab.steps.push_back(
          {s.at("id"), s.at("title"), s.at("points"), s.value("expect", ""), s.value("show", "")});
    for (const auto& [id, text] : json.at("hints").items()) lab.hints.push_back({id, text});
    return lab;
  } catch (const nlohmann::json::exception& error) {
    throw HostError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace

std::vector<Definition> all_labs() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(labs_folder()))
    if (entry.is_directory() && fs::exists(entry.path() / "lab.json") &&
        std::isdigit(entry.path().filename().string()[0]))
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::vector<Definition> labs;
  for (const fs::path& folder : folders) labs.push_back(load(folder));
  return labs;
}

Definition find_lab(std::string_view wanted) {
  const std::vector<Definition> labs = all_labs();
  std::vector<std::string_view> names;
  for (const Definition& lab : labs) {
    const std::string_view bare =
        std::string_view(lab.name).substr(std::min<std::size_t>(3, lab.name.size()));
    if (wanted == lab.id || wanted == lab.name || wanted == bare || "0" + std::string(wanted) == lab.id)
      return lab;
    if (lab.id != "00") names.push_back(lab.name);  // the template is for teachers
  }
  throw HostError(unknown_name("lab", wanted, names));
}

}  // namespace ringside::labs
