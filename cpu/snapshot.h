// Putting the processor aside and back.
//
// Kept: everything that decides how the processor goes on and what it counts, what it caches of page tables
// included. Left out: decoded code, which is derived and costs nothing modelled, and a debugger's
// breakpoints.
#pragma once

#include <memory>

#include "cpu/cpu.h"

namespace ringside {

struct CpuSnapshot;

/// Only between two calls of run().
std::shared_ptr<const CpuSnapshot> save(Cpu& cpu);
/// Into the same processor over the same memory, whose contents have been put back before.
void restore(Cpu& cpu, const CpuSnapshot& snapshot);

}  // namespace ringside
