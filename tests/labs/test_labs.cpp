// Every lab: its solution gets all points, its starter none of them, and each typical misunderstanding in
// wrong/ loses exactly what it should, with the hint that names it.
#include <unistd.h>

#include <fmt/format.h>

#include <map>

#include "labs/framework/grade.h"
#include "tests/labs/submission.h"
#include "ui/papers/for_labs.h"

using namespace ringside;
using namespace ringside::labs;
using namespace ringside::test;

namespace {

std::string told(const Grade& g) {
  std::string text = fmt::format("{} for {}: {} of {}\n", g.lab, g.student, g.points(), g.most());
  for (const StepResult& r : g.steps)
    text += fmt::format("  {} {}/{} {} [{}]\n", r.step->id, r.points, r.step->points,
                        r.done ? "done" : r.reason, r.hint_id);
  return text + g.output;
}

struct Wrong {
  fs::path file;
  nlohmann::json what;
};

std::vector<Wrong> wrong_solutions(const Definition& lab) {
  std::vector<Wrong> all;
  for (const auto& entry : fs::directory_iterator(lab.folder / "wrong"))
    all.push_back({entry.path(), nlohmann::json::parse(read_file(entry.path()))});
  std::sort(all.begin(), all.end(), [](const Wrong& a, const Wrong& b) { return a.file < b.file; });
  return all;
}

void walk(const std::string& id) {
  const Definition lab = find_lab(id);
  CHECK(lab.points() == 100);
  for (const char* page : {"README.md", "SPEC.md", "SEEN.md"}) CHECK(fs::file_size(lab.folder / page) > 200);
  const std::vector<Wrong> wrong = wrong_solutions(lab);
  CHECK(wrong.size() >= 3);
  std::vector<fs::path> submissions{submission(lab, "solution", "s" + id),
                                    submission(lab, "starter", "t" + id)};
  for (const Wrong& w : wrong)
    submissions.push_back(submission(lab, "solution", "w" + id + w.file.stem().string(), w.what));
  const std::vector<Grade> grades = grade(lab, {.submissions = submissions, .jobs = 2});
  {
    INFO("solution: " << told(grades[0]));
    CHECK(grades[0].points() == grades[0].most());
  }
  {
    INFO("starter: " << told(grades[1]));
    CHECK(grades[1].points() == 0);
    for (const StepResult& r : grades[1].steps)
      if (r.step->id == "build") CHECK(r.done);
  }
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const Grade& g = grades[i + 2];
    INFO(wrong[i].file.filename() << ": " << told(g));
    const std::map<std::string, unsigned> loses = wrong[i].what.at("loses");
    for (const StepResult& r : g.steps) {
      const auto it = loses.find(r.step->id);
      INFO("step " << r.step->id);
      CHECK(r.step->points - r.points == (it == loses.end() ? 0 : it->second));
    }
    const std::string hint = wrong[i].what.at("hint");
    CHECK(std::any_of(g.steps.begin(), g.steps.end(),
                      [&](const StepResult& r) { return r.hint_id == hint && !r.hint.empty(); }));
  }
  for (const fs::path& folder : submissions) fs::remove_all(folder);
}

}  // namespace

TEST_CASE("lab 00: the template", "[oracle][labs]") { walk("00"); }
TEST_CASE("lab 01: count the traps", "[oracle][labs]") { walk("01"); }
TEST_CASE("lab 02: the instructions that do not trap", "[oracle][labs]") { walk("02"); }
TEST_CASE("lab 03: write the emulation handlers", "[oracle][labs]") { walk("03"); }
TEST_CASE("lab 04: shadow paging", "[oracle][labs]") { walk("04"); }
TEST_CASE("lab 05: hypercalls, then batches", "[oracle][labs]") { walk("05"); }
TEST_CASE("lab 06: hardware assistance", "[oracle][labs]") { walk("06"); }
TEST_CASE("lab 07: virtual timer and interrupt window", "[oracle][labs]") { walk("07"); }
TEST_CASE("lab 08: one device, four ways", "[oracle][labs]") { walk("08"); }
TEST_CASE("lab 09: reproduce a paper", "[oracle][labs]") {
  papers::give_to_labs();
  walk("09");
}

TEST_CASE("every lab's folder has code, and its hints are used by somebody", "[labs]") {
  for (const Definition& lab : all_labs()) {
    INFO(lab.name);
    CHECK(code_of(lab).checks);
    CHECK(!lab.question.empty());
    std::string checks;
    for (const auto& entry : fs::directory_iterator(lab.folder))
      if (entry.path().extension() == ".cpp") checks += read_file(entry.path());
    // What a monitor may never do is complained about where it is served, and what every monitor goes through
    // is judged in one place.
    for (const char* shared : {"exit_bridge.cpp", "event_bridge.cpp", "monitor_steps.cpp", "para_bridge.cpp"})
      checks += read_file(labs_folder() / "framework" / shared);
    for (const Hint& h : lab.hints) {
      INFO("hint " << h.id);
      CHECK(checks.find('"' + h.id + '"') != std::string::npos);
    }
    for (const Step& s : lab.steps) {
      INFO("step " << s.id);
      CHECK(checks.find('"' + s.id + '"') != std::string::npos);
      CHECK(!s.expect.empty());
    }
  }
}
