// The processor's state with its notes beside it: what the hot code reaches lies close together in Core, and
// this does not belong there.
#pragma once

#include "cpu/core.h"
#include "cpu/notes.h"

namespace ringside {

struct NotedCore final : Core {
  using Core::Core;
  CpuNotes notes;
};

/// Every processor's core is one.
inline CpuNotes& notes(Core& core) { return static_cast<NotedCore&>(core).notes; }
inline const CpuNotes& notes(const Core& core) { return static_cast<const NotedCore&>(core).notes; }

}  // namespace ringside
