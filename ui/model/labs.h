// Guided labs of the app: steps that tick themselves by looking at the session's frames.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ui/model/frame.h"

namespace ringside::model {

struct LabStep {
  std::string_view text;
  std::string_view hint;  ///< shown when it is not done yet
  std::string_view show;  ///< name of the widget that "show me" points at
  std::function<bool(const Frame&)> done;
};

struct Lab {
  std::string_view title, question;
  std::vector<LabStep> steps;
  /// What the student predicts before running, and how the run answers it.
  std::string_view prediction;
  std::function<std::string(const Frame&)> answer;  ///< empty while the run has not got there
};

/// The one list. To add a lab, add a row.
std::span<const Lab> labs();

}  // namespace ringside::model
