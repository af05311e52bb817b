// "Why did it fault?": the decisions that lead to each kind of page exit, as a list that a window can show.
#pragma once

#include <span>

#include "ui/model/frame.h"

namespace ringside::model {

/// One question that processor or monitor asks about an access to a page. The answer `yes` or `no` given in
/// `ends_on` settles the matter with `outcome`; the other one goes on to the next question.
struct Decision {
  std::string_view question;
  bool ends_on;
  std::string_view outcome;
  std::optional<ExitReason> exit;  ///< the exit that this outcome is; none: no exit happens
};

/// The questions of a technique in their order; empty for real hardware.
std::span<const Decision> page_decisions(Mode mode);

struct FaultStory {
  std::optional<ExitRecord> exit;  ///< the page exit that is told; none: there was none yet
  std::span<const Decision> decisions;
  std::size_t settled = 0;  ///< which decision settled it
};
/// `chosen` if it is an exit for a page, the last such exit of the lane otherwise.
FaultStory why_did_it_fault(const LaneFrame& lane, const ExitRecord* chosen);

}  // namespace ringside::model
