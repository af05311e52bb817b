// The guest's serial console on this terminal, while it runs.
#pragma once

#include <termios.h>

#include <cstdio>

#include "ui/cli/runs.h"

namespace ringside::cli {

/// What the guest prints appears at once on `out`; what is typed (or piped in) goes to its serial port. A
/// terminal is in raw mode meanwhile, so that the guest sees every key, Ctrl-C too; Ctrl-A x ends the run, as
/// under QEMU.
class LiveConsole final : public Watcher {
 public:
  explicit LiveConsole(std::FILE* out);
  ~LiveConsole() override;
  LiveConsole(const LiveConsole&) = delete;
  LiveConsole& operator=(const LiveConsole&) = delete;

  void started(VirtualMachine&) override;
  bool step(VirtualMachine&) override;
  void idle(VirtualMachine&, u64 cycles) override;
  bool wants_idle() const override { return input_open_; }

 private:
  void show(VirtualMachine&);
  /// Waits up to `milliseconds` for input and hands it to the guest.
  void type(VirtualMachine&, int milliseconds);

  std::FILE* out_;
  std::size_t shown_ = 0;
  bool terminal_ = false, input_open_ = true, prefix_ = false, quit_ = false;
  termios saved_{};
};

}  // namespace ringside::cli
