#include "labs/framework/formats.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside::labs {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNames[] = {"table", "json", "gradescope", "classroom50", "junit", "tap", "csv"};

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

/// What a student reads about a step.
std::string message(const StepResult& r) {
  if (r.done) return r.step->expect;
  std::string text = r.reason;
  if (!r.hint.empty()) text += "\nHint: " + r.hint;
  if (!r.step->expect.empty()) text += "\nExpected: " + r.step->expect;
  return text;
}

Json own(const Grade& g) {
  Json steps = Json::array();
  for (const StepResult& r : g.steps)
    steps.push_back({{"id", r.step->id},
                     {"title", r.step->title},
                     {"done", r.done},
                     {"points", r.points},
                     {"of", r.step->points},
                     {"reason", r.reason},
                     {"hint_id", r.hint_id},
                     {"hint", r.hint},
                     {"expect", r.step->expect}});
  return {{"schema", "ringside/lab/v1"},
          {"lab", g.lab},
          {"student", g.student},
          {"folder", g.folder},
          {"points", g.points()},
          {"of", g.most()},
          {"steps", steps},
          {"output", g.output},
          {"isolation", g.isolation},
          {"measured", {{"seconds", g.seconds}}}};
}

std::string gradescope(const Grade& g) {
  Json tests = Json::array();
  for (const StepResult& r : g.steps)
    tests.push_back({{"name", r.step->title},
                     {"score", r.points},
                     {"max_score", r.step->points},
                     {"status", r.done ? "passed" : "failed"},
                     {"output", message(r)},
                     {"visibility", "visible"}});
  return dump({{"score", g.points()},
               {"execution_time", static_cast<u64>(g.seconds + 0.5)},
               {"output", fmt::format("{}, graded as {}\n{}\n{}", g.lab, g.student, g.isolation, g.output)},
               {"tests", tests}});
}

/// What the runner of Classroom 50 tells its autograder; by hand there is none of it.
std::string told(const char* variable, std::string otherwise) {
  const char* value = std::getenv(variable);
  return value && *value ? value : otherwise;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

std::string classroom50(const Grade& g) {
  Json tests = Json::array();
  for (const StepResult& r : g.steps)
    tests.push_back({{"test-name", r.step->title},
                     {"passed", r.done},
                     {"score", r.points},
                     {"max-score", r.step->points},
                     {"output", message(r)}});
  const std::string commit = told("COMMIT_URL", "local");
  return dump({{"schema", "classroom50/result/v1"},
               {"classroom", told("CLASSROOM", "local")},
               {"assignment", told("ASSIGNMENT", g.lab)},
               {"assignment_type", told("MODE", "individual")},
               {"owner", told("OWNER", g.student)},
               {"submission", told("SUBMISSION_TAG", "submit/local")},
               {"commit", commit},
               {"release", told("RELEASE_URL", "local")},
               {"review", told("REVIEW_URL", commit)},
               {"datetime", utc_now()},
               {"score", g.points()},
               {"max-score", g.most()},
               {"tests", tests}});
}

/// Valid UTF-8 whatever came in.
std::string utf8(std::string_view text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\t'))
      out += fmt::format("\\x{:02x}", byte);  // XML 1.0 has no way to write control characters
    else
      out += c;
  }
  return out;
}

std::string junit(std::span<const Grade> grades) {
  std::size_t tests = 0, failures = 0;
  std::string suites;
  for (const Grade& g : grades) {
    std::size_t failed = 0;
    std::string cases;
    for (const StepResult& r : g.steps) {
      cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
                           xml(g.lab + "." + g.student), xml(r.step->title));
      if (r.done) {
        cases += "/>\n";
      } else {
        ++failed;
        cases += fmt::format(">\n      <failure message=\"{} of {} points\">{}</failure>\n    </testcase>\n",
                             r.points, r.step->points, xml(message(r)));
      }
    }
    suites += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" "
        "time=\"{:.3f}\">\n{}"
        "    <system-out>{}</system-out>\n  </testsuite>\n",
        xml(g.lab + "." + g.student), g.steps.size(), failed, g.seconds, cases, xml(g.output));
    tests += g.steps.size();
    failures += failed;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\" failures=\"{}\" errors=\"0\">\n{}"
      "</testsuites>\n",
      tests, failures, suites);
}

std::string yaml(std::string_view text) {  // a double-quoted scalar; JSON's is one
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string tap(std::span<const Grade> grades) {
  std::string out = "TAP version 13\n";
  std::size_t n = 0;
  for (const Grade& g : grades) n += g.steps.size();
  out += fmt::format("1..{}\n", n);
  n = 0;
  for (const Grade& g : grades)
    for (const StepResult& r : g.steps) {
      std::string title = utf8(fmt::format("{} {}: {}", g.lab, g.student, r.step->title));
      for (char& c : title)
        if (c == '#' || static_cast<unsigned char>(c) < 0x20) c = ' ';  // "# TODO" is a word of the format
      out += fmt::format("{} {} - {}\n  ---\n  points: {}\n  of: {}\n", r.done ? "ok" : "not ok", ++n, title,
                         r.points, r.step->points);
      if (!r.done)
        out += fmt::format("  reason: {}\n  hint: {}\n  expected: {}\n", yaml(r.reason), yaml(r.hint),
                           yaml(r.step->expect));
      out += "  ...\n";
    }
  return out;
}

std::string field(std::string_view text) {
  std::string out = "\"";
  // A spreadsheet takes what begins so for a formula.
  if (!text.empty() && std::string_view("=+-@\t").find(text[0]) != std::string_view::npos) out += '\'';
  for (const char c : utf8(text)) {
    if (c == '"') out += '"';
    if (c != '\0') out += c;
  }
  return out + '"';
}

std::string csv(std::span<const Grade> grades) {
  std::string out = "student,lab,step,points,of,done,reason,hint,total,seconds\r\n";
  for (const Grade& g : grades)
    for (const StepResult& r : g.steps)
      out +=
          fmt::format("{},{},{},{},{},{},{},{},{},{:.2f}\r\n", field(g.student), g.lab, r.step->id, r.points,
                      r.step->points, r.done ? 1 : 0, field(r.reason), field(r.hint), g.points(), g.seconds);
  return out;
}

}  // namespace

Format parse_format(std::string_view wanted) {
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == wanted) return static_cast<Format>(i);
  throw HostError(unknown_name("format", wanted, kNames));
}

std::string_view file_per_submission(Format format) {
  return format == Format::Gradescope ? "results.json" : format == Format::Classroom50 ? "result.json" : "";
}

std::string write_grades(Format format, std::span<const Grade> grades) {
  switch (format) {
    case Format::Gradescope: return gradescope(grades.front());
    case Format::Classroom50: return classroom50(grades.front());
    case Format::JUnit: return junit(grades);
    case Format::Tap: return tap(grades);
    case Format::Csv: return csv(grades);
    default: {
      Json all = Json::array();
      for (const Grade& g : grades) all.push_back(own(g));
      return dump(all);
    }
  }
}

std::string to_json(const Grade& g) { return dump(own(g)); }

Grade grade_from_json(const std::string& text, const Definition& lab) {
  try {
    const Json json = Json::parse(text);
    Grade g{.lab = json.at("lab"),
            .student = json.at("student"),
            .folder = json.at("folder"),
            .output = json.at("output"),
            .isolation = json.at("isolation"),
            .seconds = json.at("measured").at("seconds")};
    for (const Json& s : json.at("steps")) {
      StepResult r{.step = lab.step(s.at("id").get<std::string>()),
                   .done = s.at("done"),
                   .points = s.at("points"),
                   .reason = s.at("reason"),
                   .hint_id = s.at("hint_id"),
                   .hint = s.at("hint")};
      if (!r.step) throw HostError(fmt::format("{}: unknown step", lab.name));
      g.steps.push_back(std::move(r));
    }
    return g;
  } catch (const nlohmann::json::exception& error) {
    throw HostError(fmt::format("a worker's answer makes no sense: {}", error.what()));
  }
}

}  // namespace ringside::labs
