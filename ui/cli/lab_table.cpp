#include "ui/cli/lab_table.h"

#include <fmt/format.h>

#include "ui/cli/tables.h"

namespace ringside::cli {

std::string grade_table(const labs::Definition& lab, const labs::Grade& grade, const Style& style) {
  std::string out = style.paint(Colour::Bold, fmt::format("Lab {}: {}", lab.id, lab.title)) +
                    fmt::format(", for {}\n\n", printable(grade.student));
  for (const labs::StepResult& r : grade.steps) {
    const bool some = !r.done && r.points > 0;
    out += fmt::format("  {}  {:>3} / {:<3} {}\n",
                       style.paint(r.done ? Colour::Good
                                   : some ? Colour::Warning
                                          : Colour::Bad,
                                   r.done ? "done"
                                   : some ? "part"
                                          : "open"),
                       r.points, r.step->points, r.step->title);
    const auto line = [&](std::string_view what, const std::string& text) {
      if (text.empty()) return;
      out += fmt::format("                   {:<9} ", what);
      out += wrap(printable(text), style.width, 29, 29) + "\n";
    };
    if (r.done) {
      line("seen", r.step->expect);
    } else {
      line("reason", r.reason);
      line("hint", r.hint);
      line("expected", r.step->expect);
    }
  }
  out += fmt::format("\n  {} of {} points, in {:.1f} s ({})\n", grade.points(), grade.most(), grade.seconds,
                     grade.isolation);
  if (!grade.output.empty())
    out += "\nWhat the compiler or your program said:\n" + printable(grade.output) + "\n";
  return out;
}

}  // namespace ringside::cli
