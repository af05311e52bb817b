// Grades in the formats of graders' systems, each read by a validator of that format.
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>

#include "labs/framework/formats.h"
#include "tests/labs/submission.h"

using namespace ringside;
using namespace ringside::labs;
using namespace ringside::test;

namespace {

/// Two submissions that have everything which can go wrong in a text.
std::vector<Grade> nasty_grades(const Definition& lab) {
  const std::string nasty =
      "]]> <b a='1'>&amp; \"quoted\", 'single'\r\n=1+1\t# TODO ok 1 - not ok\n...\n---\n\x01\x1b[31m\x7f "
      "\xff\xfe\xc3\x28 caf\xc3\xa9 \xf0\x9f\x98\x80 \\n \\u0041 %s {}";
  std::vector<Grade> grades;
  for (const std::string& student : {std::string("=cmd|' /C calc'!A0"), "M\xc3\xbcller, \"Jo\"\n" + nasty}) {
    Grade g{.lab = lab.name,
            .student = student,
            .folder = nasty,
            .output = nasty,
            .isolation = "isolated",
            .seconds = 1.5};
    for (const Step& step : lab.steps) {
      const bool done = &step == &lab.steps.front();
      g.steps.push_back({.step = &step,
                         .done = done,
                         .points = done ? step.points : step.points / 2,
                         .reason = done ? "" : nasty,
                         .hint_id = "x",
                         .hint = done ? "" : nasty});
    }
    g.output.push_back('\0');
    grades.push_back(std::move(g));
  }
  return grades;
}

struct Verdict {
  int status;
  std::string said;
};

Verdict validate(const std::string& format, const std::string& text) {
  const fs::path folder = lab_scratch("format-" + format);
  labs::write_file(folder / "file", text);
  const std::string command = fmt::format("bash '{}' {} '{}' >'{}' 2>&1", RINGSIDE_FORMAT_VALIDATOR, format,
                                          (folder / "file").string(), (folder / "said").string());
  const int status = std::system(command.c_str());
  Verdict v{WIFEXITED(status) ? WEXITSTATUS(status) : 128, labs::read_file(folder / "said")};
  fs::remove_all(folder);
  return v;
}

std::size_t steps() { return find_lab("01").steps.size(); }

/// What both submissions become in `format` is valid, with `said` by the validator, and no longer valid once
/// `spoilt` is replaced `by` another word.
void read_by_validator(const std::string& format, const std::string& said, const std::string& spoilt,
                       const std::string& by) {
  const Definition lab = find_lab("01");
  const std::vector<Grade> grades = nasty_grades(lab);
  const bool one = !file_per_submission(parse_format(format)).empty();
  std::string text = write_grades(parse_format(format), std::span(grades).last(one ? 1 : 2));
  const Verdict verdict = validate(format, text);
  if (verdict.status == 77) RINGSIDE_SKIP(verdict.said);
  INFO(verdict.said << "\n" << text);
  CHECK(verdict.status == 0);
  CHECK(verdict.said == said);
  CHECK(text.find("caf\xc3\xa9") != std::string::npos);
  replace_all(text, spoilt, by);
  CHECK(validate(format, text).status != 0);
}

}  // namespace

TEST_CASE("results.json is what Gradescope reads", "[labs]") {
  read_by_validator("gradescope", "", "\"max_score\"", "\"max-score\"");
}
TEST_CASE("result.json is what Classroom 50 reads", "[labs]") {
  read_by_validator("classroom50", "", "\"max-score\"", "\"max_score\"");
}
TEST_CASE("JUnit XML follows its schema", "[labs]") {
  read_by_validator("junit", fmt::format("{} {}\n", 2 * steps(), 2 * (steps() - 1)), "errors=", "mistakes=");
}
TEST_CASE("TAP is read by Perl's parser", "[labs]") {
  read_by_validator("tap", fmt::format("{} {}\n", 2 * steps(), 2 * (steps() - 1)), "1..", "1..9");
}
TEST_CASE("CSV is read by a strict reader", "[labs]") {
  read_by_validator("csv", fmt::format("{}\n", 2 * steps() + 1), "student,", "student,one,more,");
}

TEST_CASE("a grade survives the way from the worker to its parent", "[labs]") {
  const Definition lab = find_lab("01");
  const Grade grade = nasty_grades(lab).back();
  const Grade back = grade_from_json(to_json(grade), lab);
  CHECK(back.points() == grade.points());
  CHECK(back.steps.size() == grade.steps.size());
  CHECK(to_json(back) == to_json(grade));
}

TEST_CASE("formats and shards of other names are refused with a suggestion", "[labs]") {
  CHECK_THROWS_WITH(parse_format("jnuit"), contains("junit"));
}
