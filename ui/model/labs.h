// Guided tours of the app, for labs whose subject is on the screen: steps that tick themselves by looking at
// the session's frames. What is handed in and graded is lab_work.h's.
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
  std::string_view id;  ///< "01": of the lab in labs/ that it leads into
  std::vector<LabStep> steps;
  /// What the student predicts before running, and how the run answers it.
  std::string_view prediction;
  std::function<std::string(const Frame&)> answer;  ///< empty while the run has not got there
};

/// The one list. To add a tour, add a row.
std::span<const Lab> labs();
const Lab* find_tour(std::string_view id);  ///< nullptr: this lab has none

}  // namespace ringside::model
