#include "labs/framework/grade.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "cpu/host_error.h"
#include "labs/framework/formats.h"

namespace ringside::labs {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Worker {
  pid_t process;
  int answer;  ///< read end of its pipe
  std::size_t index;
  Clock::time_point start;
  std::string text;
};

/// A grade without points, for a submission whose check itself came to grief.
Grade failed(const Definition& lab, const std::filesystem::path& submission, std::string student,
             const std::string& reason) {
  Grade g{.lab = lab.name, .student = std::move(student), .folder = submission.string()};
  for (const Step& step : lab.steps) g.steps.push_back({.step = &step, .reason = reason});
  return g;
}

[[noreturn]] void work(const Definition& lab, const std::filesystem::path& submission,
                       const std::string& student, int answer, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  std::string text;
  try {
    text = to_json(check(lab, submission, student));
  } catch (const std::exception& error) {
    text = to_json(failed(lab, submission, student, error.what()));
  }
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(answer, text.data() + done, text.size() - done);
    if (n <= 0) _exit(1);
    done += static_cast<std::size_t>(n);
  }
  _exit(0);
}

}  // namespace

std::vector<Grade> grade(const Definition& lab, const Batch& batch) {
  std::vector<Grade> grades(batch.submissions.size());
  std::vector<Worker> workers;
  std::size_t next = 0, finished = 0;
  isolation();  // probed once, and inherited
  const auto student = [&](std::size_t i) {
    return batch.student.empty() ? student_of(batch.submissions[i]) : batch.student;
  };
  while (finished < grades.size()) {
    while (workers.size() < std::max(1u, batch.jobs) && next < grades.size()) {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC) != 0) throw HostError(fmt::format("no pipe: {}", std::strerror(errno)));
      const pid_t parent = getpid(), child = fork();
      if (child == 0) work(lab, batch.submissions[next], student(next), ends[1], parent);
      close(ends[1]);
      if (child < 0) throw HostError(fmt::format("no process can be started: {}", std::strerror(errno)));
      workers.push_back({child, ends[0], next++, Clock::now(), {}});
    }
    std::vector<pollfd> waits;
    for (const Worker& w : workers) waits.push_back({w.answer, POLLIN, 0});
    poll(waits.data(), waits.size(), 1000);
    for (std::size_t i = workers.size(); i-- > 0;) {
      Worker& w = workers[i];
      char buffer[65536];
      ssize_t n = -1;
      if (waits[i].revents && (n = ::read(w.answer, buffer, sizeof buffer)) > 0)
        w.text.append(buffer, static_cast<std::size_t>(n));
      const bool over_time = since(w.start) > batch.patience;
      if (over_time) kill(w.process, SIGKILL);
      if (n != 0 && !over_time) continue;
      int status = 0;
      while (waitpid(w.process, &status, 0) < 0 && errno == EINTR) continue;
      close(w.answer);
      const auto& submission = batch.submissions[w.index];
      Grade& g = grades[w.index];
      if (over_time)
        g = failed(lab, submission, student(w.index),
                   fmt::format("the check took more than {} s and was ended", batch.patience));
      else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        g = failed(lab, submission, student(w.index),
                   "the check itself failed on this submission: have a look at it by hand");
      else
        g = grade_from_json(w.text, lab);
      if (g.seconds == 0) g.seconds = since(w.start);
      ++finished;
      if (batch.progress) batch.progress(finished, g);
      workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return grades;
}

Shard parse_shard(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto index = number(text.substr(0, slash)), count = number(text.substr(slash + 1));
    if (index && count && *index >= 1 && *index <= *count && *count <= 1'000'000)
      return {static_cast<unsigned>(*index), static_cast<unsigned>(*count)};
  }
  throw HostError(fmt::format("'{}' is no shard: give I/N with 1 <= I <= N, as in 2/8", text));
}

std::vector<std::filesystem::path> share(std::vector<std::filesystem::path> all, Shard shard) {
  std::vector<std::filesystem::path> mine;
  for (std::size_t i = shard.index - 1; i < all.size(); i += shard.count) mine.push_back(std::move(all[i]));
  return mine;
}

}  // namespace ringside::labs
