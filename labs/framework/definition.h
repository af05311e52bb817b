// A lab as its folder describes it: labs/NN_name/lab.json. The checks themselves are code (registry.cpp).
//
// Teachers change titles, points, limits and hints in the file; nothing needs to be compiled for that.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cpu/address.h"

namespace ringside::labs {

struct Step {
  std::string id, title;
  unsigned points = 0;
  std::string expect;  ///< the message of a step that is done
  std::string show;    ///< name of the app's widget that "show me" points at; may be empty
};

struct Hint {
  std::string id, text;
};

struct Definition {
  std::string id;    ///< "03"
  std::string name;  ///< "03_handlers"
  std::string title, question, prediction;
  std::filesystem::path folder;
  std::vector<std::string> files;  ///< what a student hands in; all else is restored from the lab
  std::vector<std::string>
      guest;  ///< of labs/guest/: what the student's guest is built with, if there is one
  std::vector<Step> steps;
  std::vector<Hint> hints;

  unsigned points() const;
  const Step* step(std::string_view id) const;
  std::string_view hint(std::string_view id) const;  ///< empty if there is none
};

/// Where the labs are: $RINGSIDE_LABS, or the source folder that this program was built from.
std::filesystem::path labs_folder();

/// All of them in order. Throws HostError: no such folder, or a malformed lab.json (which, and where).
std::vector<Definition> all_labs();
/// By number or name: "3", "03", "handlers", "03_handlers". Throws HostError with a suggestion.
Definition find_lab(std::string_view name);

std::string read_file(const std::filesystem::path&);  ///< throws HostError
void write_file(const std::filesystem::path&, std::string_view text);

}  // namespace ringside::labs
