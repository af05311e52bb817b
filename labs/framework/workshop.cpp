#include "labs/framework/workshop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cpu/host_error.h"
#include "labs/framework/starter.h"

namespace ringside::labs {
namespace {
namespace fs = std::filesystem;

constexpr double kCompilePatience = 120;
constexpr std::size_t kMostOutput = 4000;

/// Empty: copied.
std::string copy_plain_file(const fs::path& from, const fs::path& to) {
  const int file = open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return errno == ENOENT ? "is missing" : errno == ELOOP ? "is a link" : std::strerror(errno);
  struct stat info {};
  std::string text;
  std::string why;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    why = "is no plain file";
  } else if (static_cast<std::uintmax_t>(info.st_size) > Workshop::kMostSource) {
    why = fmt::format("is larger than {} KiB", Workshop::kMostSource >> 10);
  } else {
    text.resize(static_cast<std::size_t>(info.st_size));
    const ssize_t n = ::read(file, text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    write_file(to, text);
  }
  close(file);
  return why;
}

std::string shortened(std::string text) {
  if (text.size() > kMostOutput) text = text.substr(0, kMostOutput) + "\n[... and so on]\n";
  return text;
}

}  // namespace

Workshop::Workshop(const Definition& lab, const fs::path& submission) : lab_(lab) {
  std::string pattern = (fs::temp_directory_path() / "ringside-lab-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw HostError(fmt::format("{}: {}", pattern, std::strerror(errno)));
  folder_ = pattern;
  chmod(folder_.c_str(), 0755);
  fs::create_directory(folder_ / "out");
  chmod((folder_ / "out").c_str(), 0777);
  fs::copy(labs_folder() / "api", folder_ / "api", fs::copy_options::recursive);
  for (const std::string& file : lab.files)
    if (const std::string why = copy_plain_file(submission / file, folder_ / file); !why.empty())
      problem_ += fmt::format("{}{} {}", problem_.empty() ? "" : "; ", file, why);
}

Workshop::~Workshop() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Workshop::text(const std::string& file) const {
  return fs::exists(folder_ / file) ? read_file(folder_ / file) : std::string();
}

std::string Workshop::program_output_text() const {
  return fs::exists(program_output()) ? shortened(read_file(program_output())) : std::string();
}

std::string Workshop::compile(std::vector<std::string> command) {
  const fs::path log = folder_ / "compiler.txt";
  fs::remove(log);
  Sandbox compiler(
      {.command = std::move(command),
       .folder = folder_,
       .may_write = true,
       .output = log,
       .limits = {
           .cpu_seconds = 20, .memory_bytes = u64{2} << 30, .file_bytes = u64{32} << 20, .processes = 16}});
  const auto end = compiler.wait(kCompilePatience);
  if (end && end->empty()) return {};
  const std::string said = fs::exists(log) ? shortened(read_file(log)) : std::string();
  return fmt::format("the compiler {}\n{}", end ? *end : "did not come to an end", said);
}

std::string Workshop::build_monitor(const std::vector<std::string>& sources) {
  std::vector<std::string> command{
      "g++", "-std=c++20", "-O1", "-pipe", "-Wall", "-Werror=return-type", "-Iapi", "-o", "out/monitor"};
  command.insert(command.end(), sources.begin(), sources.end());
  // The other half of every monitor, compiled once where that has been possible.
  const fs::path ready =
      std::getenv("RINGSIDE_LAB_CLIENT") ? std::getenv("RINGSIDE_LAB_CLIENT") : RINGSIDE_LAB_CLIENT;
  if (fs::exists(ready)) {
    fs::copy_file(ready, folder_ / "client.o", fs::copy_options::overwrite_existing);
    command.push_back("client.o");
  } else {
    command.push_back("api/client.cpp");
  }
  return compile(std::move(command));
}

std::string Workshop::build_guest() {
  const fs::path guest = folder_ / "guest";
  fs::create_directories(guest);
  std::string script;
  std::vector<std::string> sources;
  const auto take = [&](const fs::path& file) {
    const std::string name = file.filename();
    fs::copy_file(file, guest / name, fs::copy_options::overwrite_existing);
    if (is_guest_source(name)) sources.push_back("guest/" + name);
    if (file.extension() == ".ld") script = "guest/" + name;
  };
  for (const std::string& name : lab_.guest) take(labs_folder() / "guest" / name);
  if (script.empty()) throw HostError(fmt::format("{}: \"guest\" of lab.json has no .ld file", lab_.name));
  for (const fs::path& file : guest_files_of(lab_)) take(file);
  std::copy_if(lab_.files.begin(), lab_.files.end(), std::back_inserter(sources), is_guest_source);
  std::vector<std::string> command{"gcc",
                                   "-m32",
                                   "-march=i386",
                                   "-Os",
                                   "-pipe",
                                   "-ffreestanding",
                                   "-fno-pic",
                                   "-fno-pie",
                                   "-no-pie",
                                   "-fno-stack-protector",
                                   "-fno-asynchronous-unwind-tables",
                                   "-fcf-protection=none",
                                   "-mno-sse",
                                   "-mno-mmx",
                                   "-nostdlib",
                                   "-static",
                                   "-Wall",
                                   "-Werror=return-type",
                                   "-Iguest",
                                   "-Iapi",
                                   "-Wl,-T" + script,
                                   "-Wl,--build-id=none",
                                   "-Wl,-z,noexecstack",
                                   "-Wl,--no-warn-rwx-segments",
                                   "-o",
                                   "out/guest.elf"};
  command.insert(command.end(), sources.begin(), sources.end());
  return compile(std::move(command));
}

}  // namespace ringside::labs
