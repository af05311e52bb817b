// The template: figures of a run that depends on the student, and a guest of the student's that is run.
//
// A lab is three functions. All numbers come from runs at this moment; nothing is stored. checks() gives each
// step of lab.json a result, by pass(), partly() or fail(); what is left open counts as "was not reached".
#include <fmt/format.h>

#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"

namespace ringside::labs::lab00 {
namespace {

// seeded() gives the same student the same numbers for ever, and another student other ones.
Mode mode(const Check& c) { return c.seeded("mode", 0, 1) ? Mode::Trap : Mode::Hvm; }
u64 status(const Check& c) { return c.seeded("status", 11, 99); }

RunReport run_hello(const Check& c) { return run_guest({.guest = "hello", .mode = mode(c)}); }

}  // namespace

/// What a right solution has: for `ringside lab answers`, and for ${key} in solution/ and wrong/ in the
/// tests.
Answers answers(const Check& c) {
  const RunReport hello = run_hello(c);
  return {{"exits", std::to_string(hello.exit_samples())},
          {"exit-cycles", std::to_string(hello.exit_cycles())},
          {"instructions", std::to_string(hello.instructions)},
          {"status", std::to_string(status(c))}};
}

/// What is this student's own, in words.
std::string assignment(const Check& c) {
  return fmt::format("Your run: ringside run hello --mode {} -m 8\nYour number: {}", name(mode(c)),
                     status(c));
}

void checks(Check& c) {
  const auto given = parse_answers(c.work.text("answers.txt"));
  const RunReport hello = run_hello(c);
  Figures figures(given);
  figures.expect("exits", hello.exit_samples()).expect("instructions", hello.instructions);
  figures.otherwise("cycles", [&](u64 seen) { return seen == hello.exit_cycles(); });
  figures.settle(c, "figures", "figures");

  if (const std::string errors = c.work.build_guest(); !errors.empty()) {
    c.grade.output = errors;
    c.fail("build", "guest.S does not become a guest", "assemble");
    return c.fail_rest("there is no guest to run");
  }
  c.pass("build");
  const RunReport run = run_guest({.image = load_image((c.work.folder() / "out" / "guest.elf").string()),
                                   .mode = Mode::Trap,
                                   .ram_bytes = u64{4} << 20,
                                   .instructions = 1'000'000});
  const u64 wanted = status(c), hexadecimal = wanted / 10 * 16 + wanted % 10;
  if (run.guest_status == wanted)
    c.pass("guest");
  else
    c.fail("guest", fmt::format("the exit status is {} instead of {}", run.guest_status, wanted),
           run.guest_status == hexadecimal ? "hexadecimal" : "status");
}

}  // namespace ringside::labs::lab00
