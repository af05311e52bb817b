#include "labs/framework/monitor_steps.h"

namespace ringside::labs {

bool try_monitor(Check& c, std::span<const MonitorStep> steps, const std::string& source) {
  if (const std::string errors = c.work.build_monitor({source}); !errors.empty()) {
    c.grade.output = errors;
    c.fail("build", source + " does not compile", "compile");
    c.fail_rest("there is nothing to run");
    return false;
  }
  c.pass("build");
  for (MonitorStep step : steps) {
    Session session(c.work.folder(), "out/monitor", c.work.program_output());
    step(c, session);
  }
  return true;
}

void judge_kernel(Check& c, const RunReport& seen, const RunReport& native) {
  const std::string differs = difference(seen.console, native.console);
  if (seen.status == RunReport::Status::Ok && differs.empty()) return c.pass("kernel");
  c.fail("kernel", seen.reason.empty() ? differs : seen.reason + (differs.empty() ? "" : "; " + differs),
         "console");
}

}  // namespace ringside::labs
