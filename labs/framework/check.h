// Checking one submission: what the checks of a lab get, and what comes out.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "labs/framework/workshop.h"

namespace ringside::labs {

struct StepResult {
  const Step* step = nullptr;
  bool done = false;
  unsigned points = 0;  ///< earned; less than all of them where a step has tiers
  std::string reason;   ///< what was seen; empty if it is done
  std::string hint_id, hint;
};

struct Grade {
  std::string lab, student, folder;
  std::vector<StepResult> steps;
  std::string output;  ///< what the student's program or the compiler said
  std::string isolation;
  double seconds = 0;  ///< measured

  unsigned points() const;
  unsigned most() const;
};

/// `key: value` lines of a student's answers; '#' begins a comment.
std::map<std::string, std::string> parse_answers(std::string_view text);
std::optional<u64> number(std::string_view text);  ///< decimal, also with thousands separators, or 0x

class Check {
 public:
  Check(const Definition& lab, const std::filesystem::path& submission, std::string student);

  const Definition& lab;
  Workshop work;
  std::string student;

  /// The same numbers for the same student and purpose, other ones for another: in [low, high].
  u64 seeded(std::string_view purpose, u64 low, u64 high) const;

  void pass(std::string_view step);
  void fail(std::string_view step, std::string reason, std::string_view hint = {});
  /// Some of the points: a tier was reached.
  void partly(std::string_view step, unsigned points, std::string reason, std::string_view hint = {});
  /// Every step that has no result yet.
  void fail_rest(std::string reason, std::string_view hint = {});
  bool passed(std::string_view step) const;

  Grade grade;

 private:
  StepResult& result(std::string_view step);
};

/// Checks a submission of a lab with that lab's checks. Throws HostError for what is this host's fault.
Grade check(const Definition& lab, const std::filesystem::path& submission, const std::string& student);

/// Whose submission this is: what its student.txt says, else the folder's name.
std::string student_of(const std::filesystem::path& submission);

/// What a lab asks for in numbers, computed by running what the student was to run.
using Answers = std::vector<std::pair<std::string, std::string>>;

// ---- the registry (registry.cpp): what a lab's folder supplies in code
struct LabCode {
  std::string_view id;
  void (*checks)(Check&);
  Answers (*answers)(const Check&);         ///< nullptr: the lab asks for none
  std::string (*assignment)(const Check&);  ///< what is the student's own: seeded command lines and the like
};
/// What is the student's own in this lab, in words; empty if nothing is. `folder` is not looked at closely.
std::string assignment(const Definition& lab, const std::filesystem::path& folder,
                       const std::string& student);
Answers expected_answers(const Definition& lab, const std::string& student);
/// Throws HostError if the folder has no code.
const LabCode& code_of(const Definition& lab);

}  // namespace ringside::labs
