// Who sits before a guest: reads console and screen, types at its prompt, and ends the run when the awaited
// text has appeared. A run with a shell in it is so the same every time.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "ui/cli/runs.h"

namespace ringside::cli {

/// Each line is typed once, in order, when the guest has printed `prompt` since the line before: at the
/// serial console, with a carriage return behind it, or, as `keys`, key by key at the PS/2 keyboard, as it
/// is; keys without a character are written <F1> to <F10>, <Enter>, <Esc>, <Up>, <Down>. Who types keys looks
/// for the prompt on the screen, too.
struct OperatorOptions {
  std::string prompt;
  std::vector<std::string> type, keys;  ///< one of them at most
  std::string until;                    ///< ends the run; empty = nothing does

  bool any() const { return !type.empty() || !keys.empty() || !until.empty(); }
};

class Operator final : public Watcher {
 public:
  explicit Operator(OperatorOptions options);  ///< throws HostError for what cannot be typed
  void started(VirtualMachine&) override;
  bool step(VirtualMachine&) override;
  bool by_guest_time() const override { return true; }

  bool satisfied() const { return satisfied_; }          ///< `until` was seen
  const std::string& screen() const { return screen_; }  ///< the last text of the display, without blank ends

 private:
  void type(VirtualMachine&, const std::string& line);

  OperatorOptions options_;
  std::deque<std::string> lines_;
  std::size_t seen_ = 0;  ///< bytes of the console when the last line was typed
  bool satisfied_ = false;
  std::string screen_, screen_seen_;  ///< now, and when the last line was typed
};

}  // namespace ringside::cli
