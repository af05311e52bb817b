#include "ui/model/lab_work.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cpu/host_error.h"
#include "labs/framework/formats.h"

namespace ringside::model {
namespace {
constexpr std::size_t kMostOutput = 4u << 20;
}

LabWork::LabWork(std::string program) : program_(std::move(program)) {
  try {
    labs_ = labs::all_labs();
    std::erase_if(labs_, [](const labs::Definition& lab) { return lab.id == "00"; });
  } catch (const HostError& error) {
    notice_ = error.what();
  }
}

LabWork::~LabWork() {
  if (!busy()) return;
  kill(process_, SIGKILL);  // what it checks dies with it
  waitpid(process_, nullptr, 0);
  close(output_);
}

void LabWork::start(const labs::Definition& lab, const std::string& folder) {
  run(lab, {"lab", "start", lab.id, folder}, false);
}

void LabWork::check(const labs::Definition& lab, const std::string& folder) {
  run(lab, {"lab", "check", lab.id, folder, "--json"}, true);
}

void LabWork::run(const labs::Definition& lab, std::vector<std::string> words, bool is_check) {
  if (busy()) return;
  notice_.clear();
  grade_.reset();
  text_.clear();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    notice_ = fmt::format("no pipe: {}", std::strerror(errno));
    return;
  }
  words.insert(words.begin(), program_);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  const int error = posix_spawn(&process_, program_.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    process_ = -1;
    notice_ = fmt::format("the check cannot be started: {}", std::strerror(error));
    return;
  }
  output_ = ends[0];
  lab_ = &lab;
  is_check_ = is_check;
}

void LabWork::poll() {
  if (!busy()) return;
  char buffer[16384];
  for (;;) {
    const ssize_t n = read(output_, buffer, sizeof buffer);
    if (n > 0 && text_.size() < kMostOutput) text_.append(buffer, static_cast<std::size_t>(n));
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n < 0 && errno == EAGAIN) return;
    break;  // closed: it ends now
  }
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
  close(output_);
  process_ = output_ = -1;
  finish(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

void LabWork::finish(int status) {
  // A check ends with 1 if points are missing; what is no grade is an error message.
  if (is_check_ && status <= 1) {
    try {
      grade_ = labs::grade_from_json(text_, *lab_);
      return;
    } catch (const HostError&) {}
  }
  notice_ = text_.empty() ? fmt::format("it ended with status {}", status) : text_;
}

const labs::Grade* LabWork::grade(const labs::Definition& lab) const {
  return grade_ && lab_ == &lab ? &*grade_ : nullptr;
}

}  // namespace ringside::model
