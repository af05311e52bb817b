// The student's work on the labs, as the app sees it: started and checked by the program itself in a process
// of its own, exactly as `ringside lab start` and `ringside lab check` do it. The window never waits for it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "labs/framework/check.h"

namespace ringside::model {

class LabWork {
 public:
  /// `program` is this program; tests name another.
  explicit LabWork(std::string program = "/proc/self/exe");
  ~LabWork();  ///< ends a check that still runs
  LabWork(const LabWork&) = delete;

  /// In their order, without the template; empty, with a notice, if they are not there.
  const std::vector<labs::Definition>& labs() const { return labs_; }

  void start(const labs::Definition&, const std::string& folder);
  void check(const labs::Definition&, const std::string& folder);
  /// Every frame: reads what the other process has to say.
  void poll();

  bool busy() const { return process_ > 0; }
  /// The last check of this lab, if there was one.
  const labs::Grade* grade(const labs::Definition&) const;
  /// What went wrong, or what `start` has to say; empty if nothing is.
  const std::string& notice() const { return notice_; }

 private:
  void run(const labs::Definition&, std::vector<std::string> words, bool is_check);
  void finish(int status);

  std::string program_;
  std::vector<labs::Definition> labs_;
  pid_t process_ = -1;
  int output_ = -1;
  std::string text_;
  const labs::Definition* lab_ = nullptr;
  bool is_check_ = false;
  std::optional<labs::Grade> grade_;
  std::string notice_;
};

}  // namespace ringside::model
