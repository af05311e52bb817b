// `ringside lab package NAME --gradescope`: the zip that Gradescope takes as an autograder.
//
// In it: setup.sh, run_autograder, ringside (the program without windows) with the libraries that it was
// linked with, so that those of the image do not matter, the lab without its solutions and wrong solutions,
// and the headers and guest files that submissions are built with.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "cpu/host_error.h"
#include "hypervisor/text/capstone_library.h"
#include "labs/framework/definition.h"
#include "ui/cli/lab_commands.h"

namespace ringside::cli {
namespace {

using namespace ringside::labs;
namespace fs = std::filesystem;

struct Scratch {
  fs::path path;
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "ringside-package-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw HostError(fmt::format("{} cannot be made", pattern));
    path = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

struct Ended {
  int status;
  std::string said;
};

/// Runs a program in `folder` and reads what it writes.
Ended run_in(const fs::path& folder, std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw HostError("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    if (chdir(folder.c_str()) == 0) execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  Ended end{};
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    end.said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  waitpid(child, &end.status, 0);
  end.status = WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 128;
  return end;
}

/// The shared libraries of `program` and the loader (as ld.so), as `ldd` names them, and what it opens when
/// needed.
void copy_libraries(const fs::path& program, const fs::path& to) {
  const Ended ldd = run_in("/", {"ldd", program.string()});
  if (ldd.status != 0) throw HostError(fmt::format("ldd cannot read {}", program.string()));
  fs::create_directory(to);
  std::istringstream lines(ldd.said);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find('/'), end = line.find(" (");
    if (begin == std::string::npos || end == std::string::npos) continue;  // linux-vdso has no file
    const fs::path library = line.substr(begin, end - begin);
    const bool loader = line.find("=>") == std::string::npos;
    fs::copy_file(library, to / (loader ? "ld.so" : library.filename()));
  }
  const fs::path capstone = CapstoneLibrary::get().path;
  fs::copy_file(capstone, to / capstone.filename());
}

}  // namespace

int lab_package(const LabOptions& o) {
  const Definition lab = find_lab(o.name);
  const fs::path target = fs::absolute(o.output.empty() ? lab.name + "-gradescope.zip" : o.output);
  const Scratch scratch;
  const fs::path& folder = scratch.path;
  const fs::path labs = folder / "labs";
  fs::create_directory(labs);
  fs::copy(labs_folder() / "api", labs / "api", fs::copy_options::recursive);
  fs::copy(labs_folder() / "guest", labs / "guest", fs::copy_options::recursive);
  fs::create_directories(labs / lab.name);
  for (const auto& entry : fs::directory_iterator(lab.folder))
    if (entry.is_regular_file() && entry.path().extension() != ".cpp")
      fs::copy_file(entry.path(), labs / lab.name / entry.path().filename());
  fs::copy(lab.folder / "starter", labs / lab.name / "starter", fs::copy_options::recursive);
  for (const char* script : {"setup.sh", "run_autograder"})
    fs::copy_file(labs_folder() / "package" / script, folder / script);
  // The program without windows, whichever of the two this is.
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "ringside";
  fs::copy_file(program, folder / "ringside");
  copy_libraries(program, folder / "lib");
  write_file(folder / "lab", lab.id + "\n");
  fs::remove(target);
  // CMake, which built this program, can write zip files: one package less to install.
  const int status = run_in(folder, {"cmake", "-E", "tar", "cf", target.string(), "--format=zip", "setup.sh",
                                     "run_autograder", "ringside", "lib", "labs", "lab"})
                         .status;
  if (status != 0)
    throw HostError(status == 127 ? "the program cmake, which writes the zip, is missing: install cmake"
                                  : fmt::format("{} cannot be written", target.string()));
  fmt::print("{}: {} KiB. Upload it as the autograder of your Gradescope assignment ({} points).\n",
             target.string(), fs::file_size(target) >> 10, lab.points());
  return 0;
}

}  // namespace ringside::cli
