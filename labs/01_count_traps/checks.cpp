// Lab 01: figures of the student's own runs, and a guest of the student's with known exits.
#include <fmt/format.h>

#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"

namespace ringside::labs::lab01 {
namespace {

std::string tour(const Check& c) {
  return fmt::format("run=forkwait {},pagetouch {}", c.seeded("forkwait", 4, 19),
                     c.seeded("pagetouch", 8, 40));
}
std::string word(const Check& c) {
  return fmt::format("run=echo {}", std::string(c.seeded("word", 4, 12), 'x'));
}

u64 io_number(const Check& c) { return c.seeded("io", 20, 90); }
u64 cr_number(const Check& c) { return c.seeded("cr", 20, 90); }

struct Tour {
  RunReport native, trap, para, hvm;
};
Tour take_tour(const std::string& command_line) {
  const auto run = [&](Mode mode) { return run_guest({.command_line = command_line, .mode = mode}); };
  Tour t{run(Mode::Native), run(Mode::Trap), run(Mode::Para), run(Mode::Hvm)};
  return t;
}

u64 exits_per_character(const std::string& command_line) {
  const auto io = [](const std::string& text) {
    return run_guest({.command_line = text}).exit_samples(ExitReason::IoInstruction);
  };
  // A character more on the command line is printed twice: by the kernel, that echoes the command, and by the
  // program.
  return (io(command_line + "x") - io(command_line)) / 2;
}

/// A guest with the solution's exits, for the answers of `ringside lab answers`; built like a submission's.
std::string tally(const Check& c) {
  std::string text = read_file(c.lab.folder / "solution" / "tally.S");
  for (const auto& [key, value] : {std::pair{"${io}", io_number(c)}, {"${cr}", cr_number(c)}})
    for (std::size_t at; (at = text.find(key)) != std::string::npos;)
      text.replace(at, std::string(key).size(), std::to_string(value));
  return text;
}

RunReport run_tally(const Check& c, Mode mode) {
  return run_guest({.image = load_image((c.work.folder() / "out" / "guest.elf").string()),
                    .mode = mode,
                    .ram_bytes = u64{4} << 20,
                    .instructions = 10'000'000});
}

}  // namespace

Answers answers(const Check& c) {
  const Tour t = take_tour(tour(c));
  Answers a{{"io", std::to_string(io_number(c))},
            {"cr", std::to_string(cr_number(c))},
            {"trap-exits", std::to_string(t.trap.exit_samples())},
            {"trap-exit-cycles", std::to_string(t.trap.exit_cycles())},
            {"para-exits", std::to_string(t.para.exit_samples())},
            {"hvm-exits", std::to_string(t.hvm.exit_samples())},
            {"trap-page-tables", std::to_string(t.trap.exit_samples(ExitTopic::PageTables))},
            {"hvm-page-tables", std::to_string(t.hvm.exit_samples(ExitTopic::PageTables))},
            {"cheapest", cheapest({&t.trap, &t.para, &t.hvm})},
            {"dearest", dearest({&t.trap, &t.para, &t.hvm})},
            {"exits-per-character", std::to_string(exits_per_character(word(c)))}};
  Check solution(c.lab, c.lab.folder / "starter", c.student);
  write_file(solution.work.folder() / "tally.S", tally(c));
  if (solution.work.build_guest().empty())
    a.push_back({"tally-hvm-exits", std::to_string(run_tally(solution, Mode::Hvm).exit_samples())});
  return a;
}

std::string assignment(const Check& c) {
  return fmt::format(
      "Your command lines: ringside compare kernel -m 8 -append \"{}\"\n"
      "                    ringside run kernel --mode trap -m 8 -append \"{}\"\n"
      "Your tally.S leaves {} times for IO_INSTRUCTION (the last OUT to port F4h included) and {} times for "
      "CR_ACCESS under trap.",
      tour(c), word(c), io_number(c), cr_number(c));
}

void checks(Check& c) {
  const auto given = parse_answers(c.work.text("answers.txt"));
  const Tour t = take_tour(tour(c));

  Figures totals(given);
  totals.expect("trap-exits", t.trap.exit_samples())
      .expect("para-exits", t.para.exit_samples())
      .expect("hvm-exits", t.hvm.exit_samples());
  totals.otherwise("cycles", [&](u64 v) {
    return v == t.trap.exit_cycles() || v == t.para.exit_cycles() || v == t.hvm.exit_cycles();
  });
  totals.otherwise("native-first", [&](u64 v) { return v == 0; });
  totals.settle(c, "totals", "other-student");

  Figures tables(given);
  tables.expect("trap-page-tables", t.trap.exit_samples(ExitTopic::PageTables))
      .expect("hvm-page-tables", t.hvm.exit_samples(ExitTopic::PageTables));
  tables.settle(c, "pagetables", "topic");

  Figures character(given);
  character.expect("exits-per-character", exits_per_character(word(c)));
  character.settle(c, "percharacter", "status-read");

  const auto said = [&](const char* key) { return given.contains(key) ? given.at(key) : std::string(); };
  const std::string least = cheapest({&t.trap, &t.para, &t.hvm}), most = dearest({&t.trap, &t.para, &t.hvm});
  if (said("cheapest") == least && said("dearest") == most)
    c.pass("cheapest");
  else if (said("cheapest").empty() && said("dearest").empty())
    c.fail("cheapest", "no answer for cheapest, dearest");
  else
    c.fail("cheapest",
           fmt::format("cheapest '{}' and dearest '{}' are not what the row says", said("cheapest"),
                       said("dearest")),
           "overhead");

  if (const std::string errors = c.work.build_guest(); !errors.empty()) {
    c.grade.output = errors;
    c.fail("build", "tally.S does not become a guest", "assemble");
    return c.fail_rest("there is no guest to run");
  }
  c.pass("build");
  const RunReport trap = run_tally(c, Mode::Trap), hvm = run_tally(c, Mode::Hvm);
  if (trap.status != RunReport::Status::Ok) return c.fail_rest("tally.S does not end well: " + trap.reason);
  const u64 io = trap.exit_samples(ExitReason::IoInstruction), cr = trap.exit_samples(ExitReason::CrAccess);
  if (io == io_number(c))
    c.pass("io");
  else
    c.fail("io", fmt::format("IO_INSTRUCTION has {} samples instead of {}", io, io_number(c)), "power-off");
  if (cr == cr_number(c))
    c.pass("cr");
  else
    c.fail("cr", fmt::format("CR_ACCESS has {} samples instead of {}", cr, cr_number(c)), "reads-count");
  Figures under_hvm(given);
  under_hvm.expect("tally-hvm-exits", hvm.exit_samples());
  if (c.passed("io") && c.passed("cr"))
    under_hvm.settle(c, "hvm", "cr3-free");
  else
    c.fail("hvm", "first tally.S has to leave as often as it should under trap");
}

}  // namespace ringside::labs::lab01
