// One small check of a student's monitor: a bench of its own, and the step's verdict. The first complaint
// counts.
#pragma once

#include "labs/framework/check.h"
#include "labs/framework/session.h"

namespace ringside::labs {

/// `Bench` has why(): what went wrong with the monitor itself, empty while all is well.
template <class Bench>
class StepCheck {
 public:
  template <class... Arguments>
  StepCheck(Check& check, Session& session, std::string_view step, Arguments... arguments)
      : bench(session, arguments...), check_(check), step_(step) {}
  ~StepCheck() {
    if (!failed_ && bench.why().empty())
      check_.pass(step_);
    else if (!failed_)
      broken();
  }

  void expect(bool ok, std::string_view hint, std::string reason) {
    if (ok || failed_) return;
    failed_ = true;
    if (bench.why().empty())
      check_.fail(step_, std::move(reason), hint);
    else
      broken();
  }

  Bench bench;

 private:
  void broken() {
    std::string_view hint;
    if constexpr (requires { bench.why_hint(); }) hint = bench.why_hint();
    check_.fail(step_, bench.why(), hint);
  }

  Check& check_;
  std::string_view step_;
  bool failed_ = false;
};

}  // namespace ringside::labs
