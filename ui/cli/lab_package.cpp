// `ringside lab package NAME --gradescope`: the zip that Gradescope takes as an autograder.
//
// In it: setup.sh, run_autograder, ringside-grader (this program without windows, linked statically, so that
// the image's libraries do not matter), the lab without its solutions, and the headers and guest files that
// submissions are built with.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cpu/host_error.h"
#include "labs/framework/definition.h"
#include "ui/cli/lab_commands.h"

namespace ringside::cli {
namespace {

using namespace ringside::labs;
namespace fs = std::filesystem;

/// Runs a program in `folder`; its status.
int run_in(const fs::path& folder, std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(folder.c_str()) == 0) execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

fs::path grader() {
  const fs::path own = fs::read_symlink("/proc/self/exe");
  for (const fs::path& candidate : {own.parent_path() / "ringside-grader", own})
    if (candidate.filename() == "ringside-grader" && fs::exists(candidate)) return candidate;
  throw HostError(fmt::format("there is no ringside-grader beside {}; build it: ninja -C {} ringside-grader",
                              own.string(), own.parent_path().parent_path().string()));
}

}  // namespace

int lab_package(const LabOptions& o) {
  const Definition lab = find_lab(o.name);
  const fs::path target = fs::absolute(o.output.empty() ? lab.name + "-gradescope.zip" : o.output);
  std::string pattern = (fs::temp_directory_path() / "ringside-package-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw HostError(fmt::format("{} cannot be made", pattern));
  const fs::path folder = pattern;
  const fs::path labs = folder / "labs";
  fs::copy(labs_folder() / "api", labs / "api", fs::copy_options::recursive);
  fs::copy(labs_folder() / "guest", labs / "guest", fs::copy_options::recursive);
  fs::create_directories(labs / lab.name);
  for (const auto& entry : fs::directory_iterator(lab.folder))
    if (entry.is_regular_file() && entry.path().filename() != "checks.cpp")
      fs::copy_file(entry.path(), labs / lab.name / entry.path().filename());
  fs::copy(lab.folder / "starter", labs / lab.name / "starter", fs::copy_options::recursive);
  for (const char* script : {"setup.sh", "run_autograder"})
    fs::copy_file(labs_folder() / "package" / script, folder / script);
  fs::copy_file(grader(), folder / "ringside-grader");
  write_file(folder / "lab", lab.id + "\n");
  fs::remove(target);
  const int status = run_in(folder, {"zip", "-q", "-r", "-X", target.string(), "."});
  fs::remove_all(folder);
  if (status != 0)
    throw HostError(status == 127 ? "the program zip is missing: install the package zip" : "zip failed");
  fmt::print("{}: {} KiB. Upload it as the autograder of your Gradescope assignment ({} points).\n",
             target.string(), fs::file_size(target) >> 10, lab.points());
  return 0;
}

}  // namespace ringside::cli
