#include "cpu/notes.h"

#include <algorithm>

#include "cpu/noted_core.h"

namespace ringside {

void CpuNotes::missing_msr(u32 index, bool write) {
  auto row = std::find_if(missing_msrs.begin(), missing_msrs.end(),
                          [&](const MissingMsr& m) { return m.index == index; });
  if (row == missing_msrs.end()) {
    if (missing_msrs.size() == kMostMsrs) return;
    row = missing_msrs.insert(row, {index});
  }
  ++(write ? row->writes : row->reads);
}

CpuNotes& notes(Cpu& cpu) { return notes(cpu.core()); }

}  // namespace ringside
