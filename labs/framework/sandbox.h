// A process that may be hostile: a compiler fed with somebody's source, or the program that came out.
//
// It runs with limits (processor time, address space, file size, processes) as a user of its own where
// Ringside runs as root, and, where the host lets us, in user, mount, process, network and IPC namespaces of
// its own: it then sees the system's folders and its own, and nothing else. It and everything that it starts
// dies at the end, or with us. What this host does not offer is said in isolation().note. Call it from a
// process with one thread: it forks.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cpu/address.h"

namespace ringside::labs {

struct Isolation {
  bool namespaces = false;
  std::string note;  ///< one line for the report: what is in force
};
/// Found out by trying, once.
const Isolation& isolation();

struct SandboxLimits {
  unsigned cpu_seconds = 10;
  u64 memory_bytes = u64{1} << 30;
  u64 file_bytes = u64{8} << 20;
  unsigned processes = 8;
};

struct SandboxedProgram {
  std::vector<std::string> command;  ///< paths as inside: the folder is /submission with namespaces
  std::filesystem::path folder;      ///< becomes the working directory
  bool may_write = false;            ///< into the folder
  int socket = -1;                   ///< becomes descriptor 3
  std::filesystem::path output;      ///< receives its standard output and error
  SandboxLimits limits;
};

class Sandbox {
 public:
  /// Throws HostError if this host cannot start a process.
  explicit Sandbox(const SandboxedProgram& program);
  ~Sandbox();  ///< kills what is left
  Sandbox(const Sandbox&) = delete;

  /// Waits at most so long. What became of it, in words: "was killed by signal 11 (Segmentation fault)";
  /// empty if it ended with status 0, nothing if it still runs.
  std::optional<std::string> wait(double seconds);
  void kill();

 private:
  std::string describe(int status) const;
  pid_t keeper_ = -1;
  int report_ = -1;  ///< tells the status of the program
  SandboxLimits limits_;
  std::optional<std::string> end_;
};

}  // namespace ringside::labs
