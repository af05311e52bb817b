// Capstone, opened when something is first disassembled. Its tables are 1.3 MiB of addresses, for a dozen
// processors: the dynamic linker would fill them all in at each start, which would take longer than booting a
// small guest.
#pragma once

#include <capstone.h>

#include <string>

namespace ringside {

struct CapstoneLibrary {
  decltype(&cs_open) open;
  decltype(&cs_close) close;
  decltype(&cs_disasm_iter) disasm_iter;
  decltype(&cs_malloc) malloc;
  decltype(&cs_free) free;
  std::string path;  ///< of the shared library's file

  /// The one library of this process; of any thread. Throws HostError if it cannot be opened.
  static const CapstoneLibrary& get();
};

}  // namespace ringside
