// A run's exits as a Chrome trace, which Perfetto and chrome://tracing open: process = VM, thread = vCPU, a
// complete event per exit with its modelled duration, and a counter of exits per simulated millisecond.
// Format: Trace Event Format (Google), JSON object form.
#pragma once

#include <fstream>
#include <string>

#include "hypervisor/virtual_machine.h"

namespace ringside::model {

class ChromeTrace {
 public:
  /// Throws HostError if the file cannot be written.
  ChromeTrace(const std::string& path, std::string_view guest, Mode mode, u64 hz);
  /// Several runs in one file, one process each: begin_process() before the exits of each.
  ChromeTrace(const std::string& path, u64 hz);
  ~ChromeTrace();
  ChromeTrace(const ChromeTrace&) = delete;
  ChromeTrace& operator=(const ChromeTrace&) = delete;

  void begin_process(std::string_view guest, Mode mode);
  void record(const ExitRecord& exit);
  /// Completes the file. Throws HostError if the host could not write all of it.
  void finish();

 private:
  double microseconds(u64 cycles) const {
    return static_cast<double>(cycles) * 1e6 / static_cast<double>(hz_);
  }
  void counter(u64 millisecond);

  std::string path_;
  std::ofstream out_;
  u64 hz_;
  u64 millisecond_ = 0, exits_in_millisecond_ = 0;
  int process_ = 0;
  bool finished_ = false;
};

}  // namespace ringside::model
