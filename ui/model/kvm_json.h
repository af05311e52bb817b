// What only a real processor tells of a run, as JSON: the object "kvm" under "measured". And a whole run back
// from its JSON, for one that happened elsewhere (--kvm-host).
#pragma once

#include <nlohmann/json.hpp>

#include "hypervisor/accounting/run_report.h"

namespace ringside::model {

nlohmann::ordered_json kvm_json(const KvmMeasurements&);

/// The report that `ringside run --json` printed. Throws HostError if it is none.
RunReport run_from_json(const std::string& text);

}  // namespace ringside::model
