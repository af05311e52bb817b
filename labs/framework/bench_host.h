// The host of a bench: a check's machine without an image, with room for a student's monitor beside the
// guest's RAM.
#pragma once

#include "hypervisor/virtual_machine.h"

namespace ringside::labs {

inline HostConfig bench_host(Mode mode, u64 ram_bytes) {
  HostConfig c;
  c.ram_bytes = ram_bytes;
  c.monitor_bytes = monitor_bytes(mode, ram_bytes);
  if (mode == Mode::Trap) c.cpu.sensitive = SensitiveInstructions::Trap;
  return c;
}

}  // namespace ringside::labs
