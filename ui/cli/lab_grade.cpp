// `ringside lab grade`: a class.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "cpu/host_error.h"
#include "labs/framework/formats.h"
#include "labs/framework/grade.h"
#include "ui/cli/lab_commands.h"
#include "ui/cli/lab_table.h"
#include "ui/cli/tables.h"

namespace ringside::cli {
namespace {

using namespace ringside::labs;
namespace fs = std::filesystem;

/// A submission holds one of the lab's files; a folder of folders is as many submissions as it has.
std::vector<fs::path> submissions_in(const Definition& lab, const std::vector<std::string>& given) {
  const auto is_submission = [&](const fs::path& folder) {
    return std::any_of(lab.files.begin(), lab.files.end(),
                       [&](const std::string& file) { return fs::exists(folder / file); });
  };
  std::vector<fs::path> all;
  for (const std::string& name : given) {
    const fs::path folder = name;
    if (!fs::is_directory(folder)) throw HostError(fmt::format("{} is no folder", name));
    std::vector<fs::path> inside;
    if (!is_submission(folder))
      for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_directory()) inside.push_back(entry.path());
    if (inside.empty()) inside.push_back(folder);  // nothing in it: that, too, gets a grade
    all.insert(all.end(), inside.begin(), inside.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string short_table(const Definition& lab, const std::vector<Grade>& grades, const Style& style) {
  std::string out;
  for (const Grade& g : grades) {
    std::string lost;
    for (const StepResult& r : g.steps)
      if (!r.done)
        lost += (lost.empty() ? "" : ", ") + r.step->id + (r.hint_id.empty() ? "" : " (" + r.hint_id + ")");
    out += fmt::format("  {:<24} {:>3} / {:<3} {:>6.1f} s  {}\n", printable(g.student), g.points(), g.most(),
                       g.seconds,
                       style.paint(lost.empty() ? Colour::Good : Colour::Plain,
                                   lost.empty() ? "all steps" : "open: " + lost));
  }
  return fmt::format("Lab {}: {}\n\n{}", lab.id, lab.title, out);
}

}  // namespace

int lab_grade(const LabOptions& o) {
  const Definition lab = find_lab(o.name);
  const Format format = parse_format(o.format);
  const Shard shard = parse_shard(o.shard);
  const std::vector<fs::path> mine = share(submissions_in(lab, o.folders), shard);
  if (!o.student.empty() && mine.size() > 1)
    throw HostError("--student is for a single submission; each has its student.txt");
  const std::string_view own_file = file_per_submission(format);
  if (!own_file.empty() && o.output.empty() && mine.size() > 1)
    throw HostError(
        fmt::format("--format {} writes a file per submission: name a folder with --output", o.format));

  const bool watched = error_is_terminal();
  const unsigned jobs = o.jobs ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Grade> grades =
      grade(lab, {.submissions = mine,
                  .jobs = jobs,
                  .student = o.student,
                  .progress = [&](std::size_t done, const Grade& last) {
                    const std::size_t filled = done * 24 / mine.size();
                    if (watched)
                      fmt::print(stderr, "\r[{}{}] {}/{}  {} {}/{}\033[K", std::string(filled, '#'),
                                 std::string(24 - filled, '-'), done, mine.size(), printable(last.student),
                                 last.points(), last.most());
                  }});
  if (watched) fmt::print(stderr, "\r\033[K");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const Style style = output_style();
  if (!own_file.empty() && mine.size() > 1) {
    for (const Grade& g : grades) {
      const fs::path folder = fs::path(o.output) / fs::absolute(g.folder).lexically_normal().filename();
      fs::create_directories(folder);
      write_file(folder / own_file, write_grades(format, {&g, 1}));
    }
  } else if (!grades.empty() || own_file.empty()) {
    const std::string text =
        format == Format::Table ? short_table(lab, grades, style) : write_grades(format, grades);
    if (o.output.empty())
      fmt::print("{}", text);
    else
      write_file(o.output, text);
  }
  fmt::print(stderr, "{} submissions in {:.1f} s, {:.2f} s each, {} at a time; {}\n", grades.size(), seconds,
             grades.empty() ? 0 : seconds / static_cast<double>(grades.size()), jobs, isolation().note);
  return 0;
}

}  // namespace ringside::cli
