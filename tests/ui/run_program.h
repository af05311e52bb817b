// Runs the real `ringside` program the way a shell would.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ringside::test {

struct ProgramResult {
  int status = -1;  ///< exit status; 128 + n if signal n ended it
  std::string out, err;
};

/// `arguments` as typed in a shell (quote what needs quoting). No terminal, standard input empty unless
/// given.
ProgramResult run_program(const std::string& arguments, const std::string& input = {});

/// A folder of this process's own, removed at its end.
const std::filesystem::path& scratch_folder();
/// Writes a file there and returns its path.
std::string scratch_file(const std::string& name, std::string_view bytes);

}  // namespace ringside::test
