// Reports as text for people: exit tables in the columns of `perf kvm stat`, the comparison, stacked bars.
#pragma once

#include <string>
#include <vector>

#include "hypervisor/accounting/run_report.h"
#include "ui/cli/terminal.h"

namespace ringside::cli {

/// One sentence: what the mode is.
std::string_view describe(Mode);

/// Mode, outcome, instructions, cycles, and the exits by reason.
std::string run_table(const RunReport&, const Style&);

/// Modes side by side: exits by topic, busy cycles, overhead.
std::string comparison_table(const std::vector<RunReport>&, const Style&);

/// A bar per mode on one scale, stacked by attribution bucket; letters carry the meaning, colours repeat it.
std::string cost_bars(const std::vector<RunReport>&, const Style&);

/// Whether all runs that took place printed the same, and if not, the first line that differs.
std::string console_verdict(const std::vector<RunReport>&);

/// Guest output made harmless for a terminal: what is not ASCII text becomes \\xNN, carriage returns go.
std::string printable(std::string_view console);

/// Why numbers are as they are: modelled against measured, and what the overhead is.
std::string footnotes(const std::vector<RunReport>&, const Style&);

}  // namespace ringside::cli
