// What every lab does in which the student writes a monitor: build it, try it step by step, boot a guest on
// it.
#pragma once

#include <span>

#include "labs/framework/check.h"
#include "labs/framework/guest_run.h"

namespace ringside::labs {

using MonitorStep = void (*)(Check&, Session&);

/// Builds `source` and tries each step in a session of its own, so that a crash in one costs that one. If
/// it does not compile, the step "build" says so, all others fail, and the answer is false: nothing is left
/// to check.
bool try_monitor(Check& c, std::span<const MonitorStep> steps, const std::string& source = "monitor.cpp");

/// Passes or fails the step "kernel": `seen`, under the student's monitor, has to end well and to print what
/// `native` printed.
void judge_kernel(Check& c, const RunReport& seen, const RunReport& native);

}  // namespace ringside::labs
