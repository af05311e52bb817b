// Reports as data for programs: JSON (ringside/compare/v1, ringside/run/v1) and CSV.
//
// A run in JSON, in this order: mode, status (ok|unavailable|failed), reason, exit_code (what `ringside run`
// exits with; null if unavailable), console, instructions, cycles {total, guest, tlb, delivery, switches,
// monitor, devices, idle}, exits [{reason, samples, cycles, min, max}], walks, on a network
// network {packets_sent, ..., peer: the run of the machine at the other end}, overhead (null without a native
// run), measured {wall_s, mips}, under kvm with what model/kvm_json.h adds. Everything but `measured` is the
// same at every repetition, except under kvm, where only the console is.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hypervisor/accounting/run_report.h"

namespace ringside {

using Json = nlohmann::ordered_json;

Json run_json(const std::string& guest, const RunReport&);
Json compare_json(const std::string& guest, const CostProfile&, const std::vector<RunReport>&);
/// Bytes that are no UTF-8 become U+FFFD.
std::string dump(const Json&);

/// RFC 4180, one line per mode; a column of samples for each exit reason that occurs in any of them.
std::string compare_csv(const std::vector<RunReport>&);

}  // namespace ringside
