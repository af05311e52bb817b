#include "ui/cli/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace ringside::cli {

std::map<std::string, RunReport> run_jobs(const std::vector<Job>& jobs, unsigned threads,
                                          bool show_progress) {
  using Files = std::array<std::string, 4>;
  const auto files_of = [](const Job& job) {
    return Files{job.guest, job.paravirtual_file, job.disk_file, job.module_files};
  };
  std::map<Files, GuestSource> sources;
  for (const Job& job : jobs)
    if (!sources.contains(files_of(job)))
      sources.emplace(files_of(job),
                      find_guest(job.guest, job.paravirtual_file, job.disk_file, job.module_files));
  std::vector<RunReport> reports(jobs.size());
  std::atomic<std::size_t> next{0}, finished{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < jobs.size(); ++finished)
      reports[i] = run_mode(jobs[i].mode, sources.at(files_of(jobs[i])), jobs[i].options);
  };
  {
    if (!threads) threads = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min<std::size_t>(threads, jobs.size()); ++i) workers.emplace_back(work);
    while (show_progress && finished < jobs.size()) {
      constexpr std::size_t kWidth = 40;
      const std::size_t filled = finished * kWidth / jobs.size();
      fmt::print(stderr, "\r[{}{}] {} of {} runs\033[K", std::string(filled, '#'),
                 std::string(kWidth - filled, '-'), finished.load(), jobs.size());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  if (show_progress) fmt::print(stderr, "\r\033[K");
  std::map<std::string, RunReport> results;
  for (std::size_t i = 0; i < jobs.size(); ++i) results.emplace(jobs[i].key, std::move(reports[i]));
  return results;
}

}  // namespace ringside::cli
