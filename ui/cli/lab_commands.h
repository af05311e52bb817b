// `ringside lab`: list, start, check, grade, package.
#pragma once

#include <string>
#include <vector>

#include "ui/cli/declarations.h"

namespace ringside::cli {

struct LabOptions {
  std::string name, folder, student, format = "table", output, shard = "1/1";
  std::vector<std::string> folders;
  unsigned jobs = 0;
  bool json = false, gradescope = false;
};

/// Adds its subcommands; the result runs the one that was given.
Action declare_lab(CLI::App& lab, const Words&);

int lab_list(const LabOptions&);
int lab_start(const LabOptions&);
int lab_check(const LabOptions&);  ///< exit status 1 if points are missing
int lab_grade(const LabOptions&);
int lab_answers(const LabOptions&);
int lab_package(const LabOptions&);

}  // namespace ringside::cli
