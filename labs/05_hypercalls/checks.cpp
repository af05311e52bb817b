// Lab 05: the student's guest under our monitor, hypercalls one by one to the student's monitor
// (checks_monitor.cpp), then whole guests.
#include <fmt/format.h>

#include "guests/builtin.h"
#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/para_bridge.h"

namespace ringside::labs::lab05 {

std::span<const MonitorStep> monitor_steps();  // checks_monitor.cpp

namespace {

// ---- the guest (guest.c), under our own monitor

RunReport run_own_guest(const Check& c, const std::string& command_line, Session* monitor = nullptr) {
  GuestRun run{.image = load_image((c.work.folder() / "out" / "guest.elf").string()),
               .command_line = command_line,
               .mode = Mode::Para,
               .ram_bytes = u64{4} << 20,
               .instructions = 60'000'000,
               .seconds = 30};
  if (monitor) run.monitor = [monitor](Host& host) { return std::make_unique<ParaBridge>(host, *monitor); };
  return run_guest(run);
}

/// The first thing that is wrong with a run of the guest fails its step; nothing wrong passes it.
class GuestStep {
 public:
  GuestStep(Check& check, std::string_view step, const RunReport& run)
      : check_(check), step_(step), run_(run) {}
  ~GuestStep() {
    if (!failed_ && run_.status != RunReport::Status::Ok)
      fail("your guest does not end well: " + run_.reason, {});
    if (!failed_) check_.pass(step_);
  }
  void is(std::string_view key, u64 value, std::string_view hint) {
    const auto seen = said(run_, key);
    if (seen == value) return;
    fail(seen ? fmt::format("'{}' is {} instead of {}", key, *seen, value)
              : fmt::format("the guest did not come as far as '{}'{}{}", key, run_.reason.empty() ? "" : ": ",
                            run_.reason),
         hint);
  }
  void expect(bool ok, std::string_view hint, std::string reason) {
    if (!ok) fail(std::move(reason), hint);
  }
  bool failed() const { return failed_; }
  void reached(unsigned points) { points_ = points; }  ///< a tier

 private:
  void fail(std::string reason, std::string_view hint) {
    if (!failed_) check_.partly(step_, points_, std::move(reason), hint);
    failed_ = true;
  }
  Check& check_;
  std::string_view step_;
  const RunReport& run_;
  unsigned points_ = 0;
  bool failed_ = false;
};

u64 pages(const Check& c) { return c.seeded("pages", 150, 400); }
constexpr u64 kQueue = 64;  // QUEUE of guest.h
std::string entries_line(const Check& c) { return fmt::format("step=3 pages={}", pages(c)); }
std::string refused_line(const Check& c) {
  return fmt::format("step=4 pages={} foreign={}", pages(c), c.seeded("foreign", 70, 120));
}
std::string events_line(const Check& c) {
  return fmt::format("step=5 pairs={} periods={}", c.seeded("pairs", 60, 200), c.seeded("periods", 2, 5));
}

void call_and_print(Check& c) {
  const RunReport calls = run_own_guest(c, "step=1");
  {
    GuestStep s(c, "call", calls);
    s.is("version", 1, "stub");
    s.is("unknown", lab::HC_ENOSYS, "stub");
    s.is("no such page", lab::HC_EFAULT, "arguments");
    s.is("printed", 0, "arguments");
    s.expect(calls.console.find("three arguments\n") != std::string::npos, "arguments",
             "a text in EBX of the length in ECX was not printed");
    s.is("an empty batch", 0, "arguments");
  }
  const u64 lines = c.seeded("lines", 3, 9), length = c.seeded("length", 4200, 7900);
  const RunReport prints = run_own_guest(c, fmt::format("step=2 lines={} length={}", lines, length));
  std::string expected;
  for (u64 i = 0; i < lines; ++i) expected += "a line is one hypercall\n";
  for (u64 i = 0; i < length; ++i) expected += i % 64 == 63 ? '\n' : static_cast<char>('a' + i % 26);
  GuestStep s(c, "print", prints);
  const std::string differs = difference(prints.console, expected);
  s.expect(differs.empty(), "whole-text", differs);
  const u64 calls_made = prints.exit_samples(ExitReason::Hypercall);
  s.expect(calls_made <= lines + 2, "whole-text",
           fmt::format("{} lines and a text of {} characters took {} hypercalls instead of {}", lines, length,
                       calls_made, lines + 2));
}

void batches_of_entries(Check& c) {
  const RunReport run = run_own_guest(c, entries_line(c));
  {
    GuestStep s(c, "batch", run);
    s.is("refused", 0, "batch-return");
    s.is("mapped", pages(c), "flush-all");
    if (!s.failed()) s.reached(5);
    const u64 own = 2,
              most = (pages(c) + kQueue - 1) / kQueue + 2;  // two calls are main.c's; empty ones do no harm
    const u64 calls = run.exit_samples(ExitReason::HypercallMmuUpdate) - own;
    s.expect(calls <= most, "batch",
             fmt::format("{} entries took {} hypercalls; lists of {} take {}", pages(c), calls, kQueue,
                         (pages(c) + kQueue - 1) / kQueue));
  }
  const RunReport refused = run_own_guest(c, refused_line(c));
  GuestStep s(c, "refused", refused);
  s.is("mapped", pages(c) - 1, "batch-return");
  s.is("refused", 1, "batch-return");
  s.is("refused since", 0, "batch-return");
}

void events(Check& c) {
  const RunReport run = run_own_guest(c, events_line(c));
  GuestStep s(c, "events", run);
  s.is("events arrive", 1, "mask");
  s.is("while they were off", 0, "mask");
  s.is("at once when on again", 1, "pending");
  s.is("periods that were lost or invented", 0, "ticks");
  constexpr u64 kOthers = 12;  // the lab's own words, the timer, and what really waited
  s.expect(run.exit_samples(ExitReason::Hypercall) <= kOthers, "free",
           fmt::format("{} hypercalls; turning events off and on is to take none",
                       run.exit_samples(ExitReason::Hypercall)));
}

bool try_guest(Check& c) {
  if (const std::string errors = c.work.build_guest(); !errors.empty()) {
    c.grade.output = errors;
    for (const char* step : {"build-guest", "call", "print", "batch", "refused", "events", "together"})
      c.fail(step, "guest.c does not become a guest", "compile");
    return false;
  }
  c.pass("build-guest");
  call_and_print(c);
  batches_of_entries(c);
  events(c);
  return true;
}

// ---- whole guests

std::string command_line(const Check& c) {
  return fmt::format("run=forkwait {},pagetouch {},syscalls {},ls", c.seeded("forkwait", 3, 7),
                     c.seeded("pagetouch", 8, 30), c.seeded("syscalls", 100, 400));
}

void kernel(Check& c) {
  const RunReport native = run_guest({.command_line = command_line(c), .mode = Mode::Native});
  const auto disk = make_memory_disk(find_builtin_guest("kernel")->disk);
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  const RunReport seen =
      run_guest({.command_line = command_line(c), .mode = Mode::Para, .monitor = [&](Host& host) {
                   return std::make_unique<ParaBridge>(host, session, disk);
                 }});
  judge_kernel(c, seen, native);
}

/// The student's guest under the student's monitor: what it says is what it says under ours.
void together(Check& c) {
  for (const char* step : {"batch", "refused", "events"})
    if (!c.passed(step)) return c.fail("together", "first your guest has to work under our monitor");
  for (const std::string& line : {entries_line(c), refused_line(c), events_line(c)}) {
    Session session(c.work.folder(), "out/monitor", c.work.program_output());
    const RunReport ours = run_own_guest(c, line), yours = run_own_guest(c, line, &session);
    const std::string differs = difference(yours.console, ours.console);
    if (yours.status != RunReport::Status::Ok || !differs.empty())
      return c.fail("together", yours.reason.empty() ? differs : yours.reason, "console-text");
  }
  c.pass("together");
}

}  // namespace

Answers answers(const Check& c) {
  const auto run = [&](Mode mode) { return run_guest({.command_line = command_line(c), .mode = mode}); };
  const RunReport trap = run(Mode::Trap), para = run(Mode::Para);
  const auto row = [](const RunReport& r, ExitTopic topic) { return std::to_string(r.exit_samples(topic)); };
  return {{"trap-page-tables", row(trap, ExitTopic::PageTables)},
          {"para-page-tables", row(para, ExitTopic::PageTables)},
          {"trap-system-calls", row(trap, ExitTopic::SystemCalls)},
          {"para-system-calls", row(para, ExitTopic::SystemCalls)}};
}

std::string assignment(const Check& c) {
  return fmt::format(
      "Your command line: ringside compare kernel -m 8 -append \"{}\"\n"
      "Your guest maps {} pages, by lists of {}.",
      command_line(c), pages(c), kQueue);
}

void checks(Check& c) {
  const bool guest = try_guest(c);
  if (!try_monitor(c, monitor_steps())) return;
  kernel(c);
  if (guest) together(c);

  const auto given = parse_answers(c.work.text("answers.txt"));
  Figures figures(given);
  for (const auto& [key, value] : answers(c)) figures.expect(key, std::stoull(value));
  figures.settle(c, "compare", "prediction");
}

}  // namespace ringside::labs::lab05
