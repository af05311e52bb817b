// A whole guest: under a student's monitor, or under ours for comparison.
#pragma once

#include "hypervisor/accounting/run_report.h"
#include "hypervisor/devices/block_backend.h"
#include "labs/framework/session.h"

namespace ringside::labs {

struct GuestRun {
  std::string guest = "kernel";  ///< built-in, or empty
  std::optional<Image> image;    ///< instead of a built-in one
  std::string command_line;
  std::shared_ptr<BlockBackend> disk;  ///< nullptr: that of the built-in guest, if it has one
  Mode mode = Mode::Trap;
  SensitiveInstructions sensitive = SensitiveInstructions::Trap;
  const CostProfile* profile = nullptr;  ///< nullptr: the default
  u8 ept_levels = 4;                     ///< hvm: 0 = shadow page tables
  u64 ram_bytes = u64{8} << 20;
  u64 instructions = 400'000'000;
  double seconds = 120;
  /// A student's monitor, or one of our own with other settings; empty: ours.
  std::function<std::unique_ptr<Monitor>(Host&)> monitor;
};

/// Throws HostError only for what is ours; a guest that dies is in the report.
RunReport run_guest(const GuestRun& what);

/// "line 7 is 'x' instead of 'y'": where two consoles part; empty if they do not.
std::string difference(const std::string& seen, const std::string& expected);

/// The number that a lab's guest says after `key` at the beginning of a line of its console; nothing if it
/// never came so far.
std::optional<u64> said(const RunReport& run, std::string_view key);

}  // namespace ringside::labs
