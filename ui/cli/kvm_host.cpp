#include "ui/cli/kvm_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cpu/host_error.h"
#include "ui/model/kvm_json.h"

namespace ringside::cli {
namespace {

std::string this_program() {
  std::error_code error;
  std::string self = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) throw HostError("--kvm-host cannot find its own program file: is /proc mounted?");
  return self;
}

/// For exec: pointers into `words`, and the null that ends them.
std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> raw;
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  return raw;
}

[[noreturn]] void cannot_start(int error) {
  throw HostError(
      fmt::format("cannot start {}: {}. Is the source folder that this program was built from still there?",
                  RINGSIDE_KVM_HOST, std::strerror(error)));
}

/// A temporary file without a name: whatever ends this process, nothing of it stays.
class Capture {
 public:
  Capture() : file_(std::tmpfile(), std::fclose) {
    if (!file_) throw HostError(fmt::format("no temporary file: {}", std::strerror(errno)));
  }
  int fd() const { return ::fileno(file_.get()); }
  std::string text() const {
    std::string all;
    char buffer[4096];
    std::rewind(file_.get());
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file_.get())) all.append(buffer, n);
    return all;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// The last "ringside: error: ..." of a program's standard error, without these words.
std::string last_error(const std::string& text) {
  constexpr std::string_view kMark = "ringside: error: ";
  const std::size_t at = text.rfind(kMark);
  if (at == std::string::npos) return "the throw-away host said nothing of why it failed";
  return text.substr(at + kMark.size(), text.find('\n', at) - at - kMark.size());
}

}  // namespace

void become_kvm_host(int argc, const char* const* argv) {
  std::vector<std::string> words{RINGSIDE_KVM_HOST, this_program()};
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) != kKvmHostOption) words.emplace_back(argv[i]);
  ::execv(words[0].c_str(), pointers(words).data());
  cannot_start(errno);
}

RunReport run_in_kvm_host(const std::vector<std::string>& arguments) {
  try {
    // If this program dies, so does the throw-away host.
    std::vector<std::string> words{"setpriv", "--pdeathsig", "TERM", RINGSIDE_KVM_HOST, this_program()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Capture out, err;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
    pid_t child = 0;
    const int error =
        ::posix_spawnp(&child, words[0].c_str(), &actions, nullptr, pointers(words).data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error) cannot_start(error);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    constexpr int kHostError = 2;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == kHostError) throw HostError(last_error(err.text()));
    return model::run_from_json(out.text());
  } catch (const HostError& error) {
    return unavailable(Mode::Kvm, error.what());
  }
}

}  // namespace ringside::cli
