#include "labs/framework/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "cpu/host_error.h"

namespace ringside::labs {
namespace {
namespace fs = std::filesystem;

constexpr int kSetUpFailed = 125;
constexpr uid_t kFirstUser = 61'000;  ///< of a thousand that no distribution hands out
constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

bool put(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  const bool ok = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) close(file);
  return ok;
}

/// The user that the keeper with this process number becomes.
uid_t user_of(pid_t keeper) { return kFirstUser + static_cast<uid_t>(keeper) % 1000; }

/// Root gives itself up: limits do not hold for it, and its files are everybody's.
bool become_nobody() {
  if (geteuid() != 0) return true;
  const uid_t user = user_of(getpid());
  const bool ok =
      setgroups(0, nullptr) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0;
  prctl(PR_SET_DUMPABLE, 1);  // /proc/self is ours again
  return ok;
}

bool enter_namespaces() {
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(kNamespaces) != 0) return false;
  return put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", fmt::format("1000 {} 1", user)) &&
         put("/proc/self/gid_map", fmt::format("1000 {} 1", group)) &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// `from` appears at `to`; what was locked on it stays locked.
bool show(const fs::path& from, const fs::path& to, bool writable) {
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
  if (writable) return true;
  struct statvfs info {};
  unsigned long kept = 0;
  if (statvfs(to.c_str(), &info) == 0) {
    if (info.f_flag & ST_NOSUID) kept |= MS_NOSUID;
    if (info.f_flag & ST_NODEV) kept |= MS_NODEV;
    if (info.f_flag & ST_NOEXEC) kept |= MS_NOEXEC;
    if (info.f_flag & ST_NOATIME) kept |= MS_NOATIME;
    if (info.f_flag & ST_RELATIME) kept |= MS_RELATIME;
  }
  return mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, nullptr) == 0;
}

/// A root of its own: the system's programs and libraries, an empty /tmp, and the submission.
bool build_root(const fs::path& folder, bool may_write) {
  const fs::path root = "/tmp";  // covered by the new root, in this namespace only
  const int submission = open(folder.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (submission < 0) return false;
  if (mount("none", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=755") != 0) return false;
  for (const char* name : {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path at = fs::path("/") / name, here = root / name;
    std::error_code ignored;
    if (fs::is_symlink(at))
      fs::create_symlink(fs::read_symlink(at), here, ignored);
    else if (fs::is_directory(at) && (!fs::create_directory(here, ignored) || !show(at, here, true)))
      return false;
  }
  fs::create_directory(root / "etc");
  fs::create_directory(root / "dev");
  for (const char* name : {"etc/ld.so.cache", "etc/alternatives", "dev/null", "dev/zero", "dev/urandom"}) {
    const fs::path at = fs::path("/") / name, here = root / name;
    if (!fs::exists(at)) continue;
    if (fs::is_directory(at))
      fs::create_directory(here);
    else
      std::ofstream{here};
    if (!show(at, here, true)) return false;
  }
  fs::create_directory(root / "tmp");
  chmod((root / "tmp").c_str(), 01777);
  fs::create_directory(root / "submission");
  if (!show(fmt::format("/proc/self/fd/{}", submission), root / "submission", may_write)) return false;
  fs::create_directory(root / "proc");
  mount("none", (root / "proc").c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
        nullptr);  // not everywhere allowed
  if (chdir(root.c_str()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return false;
  return umount2(".", MNT_DETACH) == 0 && chdir("/submission") == 0;
}

void limit(int resource, u64 value) {
  const rlimit both{value, value};
  setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

void set_limits(const SandboxLimits& l) {
  const rlimit cpu{l.cpu_seconds, l.cpu_seconds + 1};  // the soft one names itself
  setrlimit(RLIMIT_CPU, &cpu);
  limit(RLIMIT_AS, l.memory_bytes);
  limit(RLIMIT_FSIZE, l.file_bytes);
  limit(RLIMIT_NPROC, l.processes);
  limit(RLIMIT_NOFILE, 64);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_STACK, u64{16} << 20);
}

[[noreturn]] void become(const SandboxedProgram& p, int output, int socket) {
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (socket >= 0) dup2(socket, 3);
  close_range(socket >= 0 ? 4 : 3, ~0u, 0);
  set_limits(p.limits);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int s = 1; s < NSIG; ++s) std::signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  for (const std::string& word : p.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", tmp[] = "TMPDIR=/tmp", language[] = "LC_ALL=C";
  char* environment[] = {path, tmp, language, nullptr};
  execvpe(arguments[0], arguments.data(), environment);
  _exit(kSetUpFailed);
}

/// Waits for one child among all that this process inherits.
int wait_for(pid_t child) {
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return -1;
  }
}

/// First process of the namespace: with it everything in there ends. Tells `report` what became of the
/// program.
[[noreturn]] void be_init(const SandboxedProgram& p, bool namespaces, int output, int socket, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);  // a copy of us: nothing for the program to look at
  const bool placed = namespaces ? build_root(p.folder, p.may_write) : chdir(p.folder.c_str()) == 0;
  int status = kSetUpFailed << 8;
  const pid_t child = placed ? fork() : -1;
  if (child == 0) become(p, output, socket);
  close(output);
  if (socket >= 0) close(socket);
  if (child > 0) status = wait_for(child);
  const bool told = ::write(report, &status, sizeof status) == sizeof status;
  _exit(told ? 0 : 1);
}

/// Between us and the program: has given up root, stays outside the new process namespace, and takes all in
/// it along.
[[noreturn]] void keep(const SandboxedProgram& p, bool namespaces, int output, int report, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  const bool was_root = geteuid() == 0;
  output = fcntl(output, F_DUPFD, 64);  // out of the way of 0 to 3
  report = fcntl(report, F_DUPFD, 64);
  const int socket = p.socket >= 0 ? fcntl(p.socket, F_DUPFD, 64) : -1;
  if (!become_nobody() || (namespaces && !enter_namespaces())) _exit(kSetUpFailed);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten with the change of user
  if (getppid() != parent) _exit(kSetUpFailed);
  const pid_t child = fork();
  if (child == 0) be_init(p, namespaces, output, socket, report);
  close_range(3, ~0u, 0);
  if (child > 0) wait_for(child);
  if (was_root && !namespaces) ::kill(-1, SIGKILL);  // whatever else this user runs
  _exit(child > 0 ? 0 : kSetUpFailed);
}

Isolation probe() {
  // The real thing, once: what a kernel says about itself is not what a container lets through.
  const pid_t child = fork();
  if (child == 0) {
    if (!become_nobody() || !enter_namespaces()) _exit(1);
    const pid_t inner = fork();
    if (inner == 0) _exit(build_root("/usr", false) ? 0 : 1);
    int status = 1;
    waitpid(inner, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return {
        true,
        "isolated: own namespaces (no network, no other files), limits on time, memory, files, processes"};
  return {false,
          geteuid() == 0
              ? "partly isolated: this host gives no namespaces; own user and limits only"
              : "NOT isolated: this host gives no namespaces to this user; limits only. Grade untrusted "
                "submissions in a container or as root"};
}

}  // namespace

const Isolation& isolation() {
  static const Isolation found = probe();
  return found;
}

Sandbox::Sandbox(const SandboxedProgram& p) : limits_(p.limits) {
  const bool namespaces = isolation().namespaces;
  const int output = open(p.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) throw HostError(fmt::format("{}: {}", p.output.string(), std::strerror(errno)));
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) throw HostError(fmt::format("no pipe: {}", std::strerror(errno)));
  const pid_t parent = getpid();
  keeper_ = fork();
  if (keeper_ == 0) keep(p, namespaces, output, report[1], parent);
  close(output);
  close(report[1]);
  report_ = report[0];
  if (keeper_ < 0) throw HostError(fmt::format("no process can be started: {}", std::strerror(errno)));
}

Sandbox::~Sandbox() {
  kill();
  if (report_ >= 0) close(report_);
}

void Sandbox::kill() {
  if (end_) return;
  ::kill(-keeper_, SIGKILL);  // without namespaces the program is in this group, too
  ::kill(keeper_, SIGKILL);   // its death kills the first process of the namespace, and that one all others
  if (geteuid() == 0 && !isolation().namespaces) {
    const uid_t user = user_of(keeper_);
    const pid_t cleaner = fork();
    if (cleaner == 0) _exit(setresuid(user, user, user) == 0 ? ::kill(-1, SIGKILL) : 1);
    waitpid(cleaner, nullptr, 0);
  }
  int status = 0;
  while (waitpid(keeper_, &status, 0) < 0 && errno == EINTR) continue;
  end_ = describe(SIGKILL);
}

std::string Sandbox::describe(int status) const {
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) == 0) return {};
    if (WEXITSTATUS(status) == kSetUpFailed) return "could not be started in its sandbox";
    return fmt::format("ended with status {}", WEXITSTATUS(status));
  }
  switch (WTERMSIG(status)) {
    case SIGXCPU:
      return fmt::format("used up its {} seconds of processor time (an endless loop?)", limits_.cpu_seconds);
    case SIGXFSZ: return fmt::format("wrote more than {} MiB", limits_.file_bytes >> 20);
    case SIGKILL: return "was killed (time or memory limit)";
    default: return fmt::format("crashed: signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
}

std::optional<std::string> Sandbox::wait(double seconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!end_) {
    int status = 0;
    if (waitpid(keeper_, &status, WNOHANG) == keeper_) {
      int told = 0;
      end_ = describe(::read(report_, &told, sizeof told) == sizeof told ? told : status);
    } else {
      if (std::chrono::steady_clock::now() >= until) return std::nullopt;
      poll(nullptr, 0, 5);
    }
  }
  return end_;
}

}  // namespace ringside::labs
