// Many runs, several at a time, with a progress bar: what sweeps and papers are made of.
#pragma once

#include <map>

#include "ui/cli/runs.h"

namespace ringside::cli {

struct Job {
  std::string key;    ///< unique among the jobs; names the run in messages
  std::string guest;  ///< name or file
  Mode mode = Mode::Native;
  RunOptions options;
  std::string paravirtual_file, disk_file, module_files;  ///< as for find_guest()
};

/// Each job has its own machine, so that neither their order nor `threads` (0 = one per processor) changes a
/// figure. Throws HostError if a guest is unknown.
std::map<std::string, RunReport> run_jobs(const std::vector<Job>& jobs, unsigned threads, bool show_progress);

}  // namespace ringside::cli
