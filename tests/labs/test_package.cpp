// Grading at the places where classes are graded: Gradescope's image, a Slurm cluster, Kubernetes.
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>

#include "labs/framework/formats.h"
#include "tests/labs/submission.h"

using namespace ringside;
using namespace ringside::labs;
using namespace ringside::test;

namespace {

/// What a shell makes of `script` in `folder`, its words in the file "said".
int shell(const fs::path& folder, const std::string& script) {
  const std::string command =
      fmt::format("cd '{}' && {{ {}; }} >>'{}/said' 2>&1", folder.string(), script, folder.string());
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
std::string said(const fs::path& folder) {
  return fs::exists(folder / "said") ? read_file(folder / "said") : "";
}

/// How many lines of the folder's CSV files begin with the student's name.
std::map<std::string, std::size_t> lines_by_student(const fs::path& folder, std::size_t& files) {
  std::map<std::string, std::size_t> lines;
  files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    ++files;
    std::istringstream text(read_file(entry.path()));
    std::string line;
    std::getline(text, line);
    CHECK_THAT(line, contains("student,lab,step"));
    while (std::getline(text, line)) ++lines[line.substr(1, line.find('"', 1) - 1)];
  }
  return lines;
}

/// Five starters of lab 01 in `folder`; each is one of the class.
constexpr unsigned kClass = 5;
void make_class(const fs::path& folder) {
  const Definition lab = find_lab("01");
  fs::create_directories(folder);
  for (unsigned i = 0; i < kClass; ++i) {
    const fs::path one = folder / fmt::format("student{}", i);
    fs::copy(lab.folder / "starter", one, fs::copy_options::recursive);
  }
}

void check_whole_class(const fs::path& grades, std::size_t shards) {
  std::size_t files = 0;
  const auto lines = lines_by_student(grades, files);
  CHECK(files == shards);
  CHECK(lines.size() == kClass);
  for (const auto& [student, count] : lines) {
    INFO(student);
    CHECK(count == find_lab("01").steps.size());
  }
}

}  // namespace

TEST_CASE("the package for Gradescope grades in a clean folder", "[oracle][labs]") {
  // A monitor; a guest and a monitor; a driver and a device: what each is built with has to be in the zip.
  const std::string id = GENERATE(as<std::string>{}, "03", "05", "08");
  const Definition lab = find_lab(id);
  const fs::path folder = lab_scratch("gradescope" + id), base = folder / "autograder";
  REQUIRE(shell(folder,
                fmt::format("'{}' lab package {} --gradescope --output lab.zip", RINGSIDE_PROGRAM, id)) == 0);
  fs::create_directories(base / "source");
  INFO(said(folder));
  REQUIRE(shell(base / "source", "cmake -E tar xf ../../lab.zip") == 0);
  for (const auto& entry : fs::recursive_directory_iterator(base / "source")) {
    INFO(entry.path());
    CHECK(entry.path().filename() != "solution");
    CHECK(entry.path().filename() != "wrong");
    CHECK(!entry.path().filename().string().starts_with("checks"));
  }
  // As Gradescope does it: setup.sh once, a copy of run_autograder, and a submission with its metadata.
  REQUIRE(shell(base / "source", "env -i PATH=/usr/bin:/bin bash setup.sh") == 0);
  fs::copy_file(base / "source" / "run_autograder", base / "run_autograder");
  const std::string student = "ada@example.edu";
  fs::copy(submission(lab, "solution", student), base / "submission", fs::copy_options::recursive);
  write_file(base / "submission" / "student.txt", "somebody else\n");
  write_file(base / "submission_metadata.json",
             R"({"id": 1, "users": [{"email": "ada@example.edu", "id": 7, "name": "Ada"}]})");
  const std::string run =
      fmt::format("env -i PATH=/usr/bin:/bin RINGSIDE_AUTOGRADER='{}' bash ./run_autograder", base.string());
  REQUIRE(shell(base, run) == 0);
  INFO(said(base));
  const auto results = nlohmann::json::parse(read_file(base / "results" / "results.json"));
  CHECK(results.at("score") == 100);
  CHECK(results.at("tests").size() == lab.steps.size());
  CHECK_THAT(results.at("output").get<std::string>(), contains("graded as " + student));
  // A submission without its files, and a results.json of its own.
  fs::remove_all(base / "submission");
  fs::create_directories(base / "submission");
  write_file(base / "submission" / "results.json", R"({"score": 100})");
  REQUIRE(shell(base, run) == 0);
  CHECK(nlohmann::json::parse(read_file(base / "results" / "results.json")).at("score") == 0);
  fs::remove_all(folder);
}

TEST_CASE("a Slurm array grades every submission once", "[oracle][labs]") {
  const fs::path folder = lab_scratch("slurm");
  make_class(folder / "class");
  const std::string script = (labs_folder() / "package" / "slurm.sh").string();
  const int status =
      shell(folder, fmt::format("RINGSIDE='{}' bash '{}/sbatch' --array=1-3 '{}' 01 class grades",
                                RINGSIDE_PROGRAM, RINGSIDE_SCHEDULERS, script));
  INFO(said(folder));
  REQUIRE(status == 0);
  check_whole_class(folder / "grades", 3);
  fs::remove_all(folder);
}

TEST_CASE("a Kubernetes Job grades every submission once", "[oracle][labs]") {
  const fs::path folder = lab_scratch("kubernetes");
  make_class(folder / "submissions");
  fs::create_directories(folder / "grades");
  const std::string job = (labs_folder() / "package" / "kubernetes.yaml").string();
  const int status =
      shell(folder, fmt::format("'{}/kubectl' '{}' '{}' 2 '{}'", RINGSIDE_SCHEDULERS, job, folder.string(),
                                fs::path(RINGSIDE_PROGRAM).parent_path().string()));
  if (status == 77) RINGSIDE_SKIP(said(folder));
  INFO(said(folder));
  REQUIRE(status == 0);
  check_whole_class(folder / "grades", 2);
  fs::remove_all(folder);
}
