// Submissions that attack: each ends as a graded failure with a reason, and harms nobody.
#include <unistd.h>

#include <fmt/format.h>

#include <fstream>

#include "labs/framework/grade.h"
#include "tests/labs/submission.h"

using namespace ringside;
using namespace ringside::labs;
using namespace ringside::test;

namespace {

struct Hostile {
  const char* name;
  std::string code;    ///< runs before the monitor answers anything
  const char* reason;  ///< of some step
  bool compiles = true;
};

/// A monitor that first does `code`, and then is the starter.
std::string monitor(const std::string& code) {
  return "#include <dirent.h>\n#include <fcntl.h>\n#include <signal.h>\n#include <sys/stat.h>\n#include "
         "<unistd.h>\n"
         "#include <cstdio>\n#include <cstdlib>\n#include <cstring>\n#include <filesystem>\n#include "
         "<fstream>\n#include <string>\n"
         "#include <vector>\n"
         "#include \"ringside/trap.h\"\nusing namespace ringside::lab;\nstruct M : TrapMonitor {\n"
         "  Outcome emulate(TrapVm&, const Instruction&) override { return not_handled(); }\n"
         "  bool reflect(TrapVm&, const Event&) override { return false; }\n  void interrupt(TrapVm&) "
         "override {}\n};\n"
         "Monitor* ringside::lab::make_monitor() {\n" +
         code + "\n  return new M;\n}\n";
}

std::vector<Hostile> attacks(const fs::path& secret, const fs::path& neighbour) {
  const auto reads = [](const fs::path& path) {
    return fmt::format(
        "for (const char* p : {{\"{}\", \"/proc/1/exe\", \"/proc/1/mem\", \"/etc/shadow\"}}) {{ "
        "std::ifstream f(p); "
        "std::string s; if (std::getline(f, s)) std::printf(\"STOLEN %s\\n\", s.c_str()); }}",
        path.string());
  };
  return {
      {"endless-loop", "for (volatile int i = 0;; i = i + 1) {}", "endless loop"},
      {"sleeps", "pause();", "did not answer"},
      {"fork-bomb", "for (;;) if (fork() < 0 && getpid() == 1) _exit(1);", "your program"},
      {"leaves-children",
       "for (int i = 0; i < 5; ++i) if (fork() == 0) { setsid(); for (;;) pause(); } _exit(3);",
       "ended with status 3"},
      {"memory",
       "std::vector<char*> v; for (;;) { char* p = new char[64 << 20]; memset(p, 1, 64 << 20); "
       "v.push_back(p); }",
       "your program"},
      {"output", "for (;;) std::puts(\"all work and no play makes a dull monitor, all work and no play\");",
       "wrote more than"},
      {"reads-checks", reads(secret), "does not handle"},
      {"reads-neighbour", reads(neighbour / "monitor.cpp"), "does not handle"},
      {"writes-results",
       "for (const char* p : {\"results.json\", \"../results.json\", \"/autograder/results/results.json\", "
       "\"out/results.json\"}) "
       "std::ofstream(p) << \"{\\\"score\\\": 100}\"; std::puts(\"{\\\"score\\\": 100}\");",
       "does not handle"},
      {"deletes-folder",
       "std::error_code e; std::filesystem::remove_all(\".\", e); "
       "std::filesystem::remove_all(\"/submission\", e); "
       "std::system(\"rm -rf / --no-preserve-root 2>/dev/null\");",
       "your "},
      {"crashes", "raise(SIGSEGV);", "crashed: signal 11"},
      {"kills", "kill(-1, SIGKILL); kill(getppid(), SIGKILL); kill(1, SIGKILL); kill(0, SIGKILL);",
       "your program"},
      {"talks-nonsense",
       "for (int i = 0; i < 100000; ++i) if (write(3, \"garbage!\", 8) < 0) break; pause();",
       "sent something"},
      {"claims-success",
       "struct { unsigned v[48]; } f{{0x31444952u, 3, 5}}; for (int i = 0; i < 40; ++i) if (write(3, &f, 4 * "
       "(3 + 9 + 19 + 1)) < 0) "
       "break; pause();",
       ""},
      {"not-compiling", "this is not C++", "does not compile", false},
      {"includes-secrets", fmt::format("}}\n#include \"{}\"\nvoid f() {{", secret.string()),
       "does not compile", false},
      {"compiler-bomb", "}\ntemplate <int N> struct A { A<N + 1> a; A<N * 2> b; }; A<1> bomb;\nvoid g() {",
       "does not compile", false},
  };
}

}  // namespace

namespace {

/// Every second attack, from `first` on: all of them in one test would take long on a busy machine.
void attack(std::size_t first) {
  if (!isolation().namespaces) WARN("no namespaces on this host: " << isolation().note);
  const Definition lab = find_lab("03");
  const fs::path secret = lab.folder / "checks.cpp";
  const fs::path neighbour = submission(lab, "solution", "neighbour");
  const std::string neighbours_work = read_file(neighbour / "monitor.cpp");
  std::vector<fs::path> folders{neighbour};
  std::vector<Hostile> all;
  for (std::size_t i = first; const Hostile& h : attacks(secret, neighbour))
    if (i++ % 2 == 0) all.push_back(h);
  for (const Hostile& h : all) {
    folders.push_back(submission(lab, "starter", h.name));
    write_file(folders.back() / "monitor.cpp", monitor(h.code));
  }
  // A submission of links, and an empty one.
  folders.push_back(lab_scratch("links"));
  fs::create_symlink(secret, folders.back() / "monitor.cpp");
  fs::create_symlink("/dev/zero", folders.back() / "answers.txt");
  folders.push_back(lab_scratch("empty"));

  const std::vector<Grade> grades = grade(lab, {.submissions = folders, .jobs = 2, .patience = 300});
  REQUIRE(grades.size() == folders.size());
  CHECK(grades[0].points() == 100);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Grade& g = grades[i + 1];
    std::string reasons;
    for (const StepResult& r : g.steps) reasons += r.reason + "\n";
    INFO(all[i].name << ": " << reasons << g.output);
    CHECK(g.points() == 0);
    CHECK(g.steps[0].done == all[i].compiles);
    CHECK_THAT(reasons, contains(all[i].reason));
    if (isolation().namespaces) CHECK(g.output.find("STOLEN") == std::string::npos);
    CHECK(g.output.find("expect_frame") == std::string::npos);  // a line of the checks
    CHECK(g.seconds < 250);
  }
  for (std::size_t i = all.size() + 1; i < grades.size(); ++i) {
    CHECK(grades[i].points() == 0);
    CHECK_THAT(grades[i].steps[0].reason, contains("not complete"));
  }
  CHECK(read_file(neighbour / "monitor.cpp") == neighbours_work);
  for (const fs::path& folder : folders) CHECK(!fs::exists(folder / "results.json"));
  for (const fs::path& folder : folders) fs::remove_all(folder);
}

}  // namespace

TEST_CASE("hostile submissions are graded failures and touch nothing: the first half", "[oracle][labs]") {
  attack(0);
}
TEST_CASE("hostile submissions are graded failures and touch nothing: the other half", "[oracle][labs]") {
  attack(1);
}

TEST_CASE("nothing of a sandboxed program outlives it", "[oracle][labs]") {
  if (!isolation().namespaces) return;
  const fs::path folder = lab_scratch("strays");
  const std::string mark = fmt::format("{}", 100000 + getpid());
  {
    Sandbox box({.command = {"sh", "-c", "sleep " + mark + " & setsid sleep " + mark + " & exit 0"},
                 .folder = folder,
                 .output = folder / "out"});
    CHECK(box.wait(20) == "");
  }
  {
    Sandbox box(
        {.command = {"sh", "-c", "setsid sleep " + mark}, .folder = folder, .output = folder / "out"});
    CHECK(!box.wait(0.5));
  }
  usleep(300'000);
  bool stray = false;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream command(entry.path() / "cmdline");
    std::string text((std::istreambuf_iterator<char>(command)), {});
    stray |= text.find("sleep") == 0 && text.find(mark) != std::string::npos;
  }
  CHECK(!stray);
}
