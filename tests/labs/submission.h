// Submissions for the tests: a lab's solution or starter, whole or with edits, in a scratch folder.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

#include "cpu/host_error.h"
#include "labs/framework/check.h"
#include "tests/catch.h"

namespace ringside::test {

namespace fs = std::filesystem;

inline fs::path lab_scratch(const std::string& name) {
  const fs::path folder =
      fs::temp_directory_path() / ("ringside-labs-test-" + std::to_string(getpid())) / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

inline void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// `part` is "solution" or "starter"; `wrong`, if any, edits it: {"edits": [{"file", "find", "replace"}]}.
/// `${key}` then becomes what the student's own runs give.
inline fs::path submission(const labs::Definition& lab, const std::string& part, const std::string& student,
                           const nlohmann::json& wrong = nlohmann::json::object()) {
  const fs::path folder = lab_scratch(lab.name + "-" + student);
  fs::copy(lab.folder / part, folder, fs::copy_options::recursive);
  labs::write_file(folder / "student.txt", student + "\n");
  if (part == "starter") return folder;
  for (const auto& edit : wrong.value("edits", nlohmann::json::array())) {
    const fs::path file = folder / edit.at("file").get<std::string>();
    std::string text = labs::read_file(file);
    const std::string find = edit.at("find");
    INFO(file << " has: " << find);
    REQUIRE(text.find(find) != std::string::npos);
    replace_all(text, find, edit.at("replace"));
    labs::write_file(file, text);
  }
  const labs::Answers answers = labs::expected_answers(lab, student);
  for (const std::string& file : lab.files) {
    std::string text = labs::read_file(folder / file);
    for (const auto& [key, value] : answers) replace_all(text, "${" + key + "}", value);
    labs::write_file(folder / file, text);
  }
  return folder;
}

}  // namespace ringside::test
