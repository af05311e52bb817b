// What only a real processor tells of a run, for people.
#pragma once

#include "hypervisor/kvm/measurements.h"
#include "ui/cli/terminal.h"

namespace ringside::cli {

/// Three sections, each saying what it is: measured times, exits inside the host kernel, written pages.
std::string kvm_table(const KvmMeasurements&, double wall_s, const Style&);

}  // namespace ringside::cli
