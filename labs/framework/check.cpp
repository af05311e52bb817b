#include "labs/framework/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <chrono>

#include "cpu/host_error.h"

namespace ringside::labs {

unsigned Grade::points() const {
  unsigned sum = 0;
  for (const StepResult& s : steps) sum += s.points;
  return sum;
}
unsigned Grade::most() const {
  unsigned sum = 0;
  for (const StepResult& s : steps) sum += s.step->points;
  return sum;
}

namespace {
std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}
}  // namespace

std::map<std::string, std::string> parse_answers(std::string_view text) {
  std::map<std::string, std::string> answers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    line = line.substr(0, line.find('#'));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      answers[trimmed(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    at = end + 1;
  }
  return answers;
}

std::optional<u64> number(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != ',' && c != '_' && c != '\'' && c != ' ') digits += c;
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  std::size_t used = 0;
  try {
    const u64 value = std::stoull(digits, &used, digits.rfind("0x", 0) == 0 ? 16 : 10);
    if (used != digits.size() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
    return value;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Check::Check(const Definition& lab, const std::filesystem::path& submission, std::string student)
    : lab(lab), work(lab, submission), student(std::move(student)) {
  grade.lab = lab.name;
  grade.student = this->student;
  grade.folder = submission.string();
  for (const Step& step : lab.steps) grade.steps.push_back({.step = &step});
}

u64 Check::seeded(std::string_view purpose, u64 low, u64 high) const {
  u64 hash = 0xCBF29CE484222325u;  // FNV-1a: the same on every host
  for (const char c : fmt::format("{}/{}/{}", lab.name, student, purpose))
    hash = (hash ^ static_cast<u8>(c)) * 0x100000001B3u;
  hash ^= hash >> 29;
  return low + hash % (high - low + 1);
}

StepResult& Check::result(std::string_view step) {
  const auto it = std::find_if(grade.steps.begin(), grade.steps.end(),
                               [&](const StepResult& r) { return r.step->id == step; });
  if (it == grade.steps.end())
    throw HostError(
        fmt::format("{}: the checks speak of a step '{}' that lab.json does not have", lab.name, step));
  return *it;
}

void Check::pass(std::string_view step) {
  StepResult& r = result(step);
  r.done = true;
  r.points = r.step->points;
}

void Check::partly(std::string_view step, unsigned points, std::string reason, std::string_view hint) {
  StepResult& r = result(step);
  r.points = std::min(points, r.step->points);
  r.reason = std::move(reason);
  r.hint_id = hint;
  r.hint = lab.hint(hint);
  if (!hint.empty() && r.hint.empty())
    throw HostError(
        fmt::format("{}: the checks give a hint '{}' that lab.json does not have", lab.name, hint));
}

void Check::fail(std::string_view step, std::string reason, std::string_view hint) {
  partly(step, 0, std::move(reason), hint);
}

void Check::fail_rest(std::string reason, std::string_view hint) {
  for (StepResult& r : grade.steps)
    if (!r.done && r.reason.empty()) fail(r.step->id, reason, hint);
}

bool Check::passed(std::string_view step) const { return const_cast<Check*>(this)->result(step).done; }

std::string student_of(const std::filesystem::path& submission) {
  const auto file = submission / "student.txt";
  std::error_code ignored;
  if (std::filesystem::is_regular_file(std::filesystem::symlink_status(file, ignored)) &&
      std::filesystem::file_size(file, ignored) < 1000)
    if (const std::string id = trimmed(read_file(file)); !id.empty()) return id;
  const auto name = std::filesystem::absolute(submission).lexically_normal();
  return name.filename().empty() ? name.parent_path().filename().string() : name.filename().string();
}

Grade check(const Definition& lab, const std::filesystem::path& submission, const std::string& student) {
  const auto start = std::chrono::steady_clock::now();
  Check c(lab, submission, student);
  c.grade.isolation = isolation().note;
  if (!c.work.problem().empty())
    c.fail_rest("the submission is not complete: " + c.work.problem());
  else
    code_of(lab).checks(c);
  c.fail_rest("was not reached");
  if (c.grade.output.empty()) c.grade.output = c.work.program_output_text();
  c.grade.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(c.grade);
}

std::string assignment(const Definition& lab, const std::filesystem::path& folder,
                       const std::string& student) {
  const LabCode& code = code_of(lab);
  return code.assignment ? code.assignment(Check(lab, folder, student)) : std::string();
}

Answers expected_answers(const Definition& lab, const std::string& student) {
  const LabCode& code = code_of(lab);
  return code.answers ? code.answers(Check(lab, lab.folder / "starter", student)) : Answers();
}

}  // namespace ringside::labs
