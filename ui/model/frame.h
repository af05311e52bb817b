// What the windows draw: an immutable picture of the session, published by the simulation thread.
//
// A frame is plain data; nothing in it refers to a running machine. Windows may keep it as long as they like.
// Memory is bounded: kEventRows exits, kTimelineBuckets buckets and kConsoleBytes of console text per lane, a
// byte for each page frame of one machine.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/accounting/ledger.h"
#include "hypervisor/virtual_machine.h"

namespace ringside::model {

inline constexpr std::size_t kEventRows = 4096, kTimelineBuckets = 2048, kConsoleBytes = 64 * 1024;

/// Exits per stretch of guest instructions, at full range. Bucket width doubles when the run outgrows the
/// buckets.
struct Timeline {
  u64 bucket_width = 1024;  ///< guest instructions
  std::vector<std::array<u32, static_cast<std::size_t>(ExitTopic::kCount)>> buckets;
};

struct DisassemblyRow {
  u32 address = 0;
  std::string bytes, mnemonic, operands, symbol;  ///< symbol: at the start of a function
  bool traps = false;                             ///< this instruction has caused an exit in this run
  bool silent = false;                            ///< sensitive, and executed without trapping outside ring 0
  bool breakpoint = false;
};

/// One reference of a page walk.
struct WalkRow {
  std::string table;  ///< "guest page directory", "shadow page table", "EPT level 3", ...
  u64 address = 0, entry = 0;
  std::string meaning;  ///< "P W U A D -> frame 103", or why it stops here
  bool nested = false;  ///< made in the nested dimension
};
struct PageWalkView {
  u32 address = 0;
  std::vector<WalkRow> guest;  ///< what the guest's tables say
  /// What the processor really walks (shadow, direct or nested tables), one line for each address of the
  /// guest's that it must find: the references in their order.
  std::vector<std::vector<WalkRow>> hardware;
  unsigned references = 0;  ///< memory references of the hardware walk
  std::string verdict;      ///< in plain words
};
/// One page of guest address space in all dimensions. The last entry of each walk that got so far.
struct MappingRow {
  u32 linear = 0;
  std::optional<u32> guest,
      shadow;  ///< shadow: what the processor walks, where the monitor keeps a second table
  std::optional<u64> nested;
  std::string why;
};

/// What a page frame of machine memory is used for; see frame_map.h.
enum class FrameUse : u8 {
  Unmapped,
  Untouched,
  Kernel,
  User,
  NotBacked,
  Traced,
  PageTable,
  PageDirectory,
  MonitorUsed,
  MonitorFree,
  kCount
};
struct FrameMap {
  u32 first_guest_frame = 0;     ///< those before it are the monitor's
  std::vector<FrameUse> frames;  ///< by machine frame
  std::array<u32, static_cast<std::size_t>(FrameUse::kCount)> counts{};
};

struct DeviceRow {
  std::string device, field, value;
};

enum class LaneState : u8 { Unavailable, Paused, Running, Ended };

struct LaneFrame {
  Mode mode = Mode::Native;
  LaneState state = LaneState::Paused;
  std::string reason;  ///< why unavailable, how it ended, which breakpoint
  u64 instructions = 0, cycle = 0;
  double measured_mips = 0;  ///< wall clock; never mixed with cycles
  Attribution attribution;
  std::vector<ExitStatistics> exits;
  std::array<u64, static_cast<std::size_t>(ExitTopic::kCount)> by_topic{};
  u64 exit_count = 0;
  double overhead = 0;  ///< busy cycles over native's; per guest instruction unless both ended well; 0 = not known
  CpuState real, guest;
  bool deprivileged = false, non_root = false;
  std::string console;  ///< the last kConsoleBytes
  std::vector<DisassemblyRow> disassembly;
  std::vector<SilentSensitive> silent;
  std::shared_ptr<const std::vector<ExitRecord>> events;  ///< the last kEventRows, of the focused lane
  std::string last_exit_instruction;                      ///< the guest instruction of the last exit
  std::optional<ExitRecord> last_page_exit;               ///< may be older than `events` reach
  std::shared_ptr<const Timeline> timeline;
  std::string current_function;
  // Filled for the focused lane only:
  PageWalkView walk;
  std::vector<MappingRow> mappings;
  std::shared_ptr<const FrameMap> frame_map;  ///< only while a window shows it
  std::vector<DeviceRow> devices;
  std::vector<std::string> screen;  ///< VGA text, 25 rows
  std::optional<Vmcs> vmcs;
};

struct BreakpointRow {
  u32 id = 0;
  std::string text;
};

struct Frame {
  u64 serial = 0;
  std::string guest, profile;
  u64 hz = 0;
  bool running = false, lockstep = true, busy = false;  ///< busy: replaying
  double speed = 0;  ///< guest instructions per second; 0 = as fast as it goes
  std::vector<LaneFrame> lanes;
  std::size_t focus = 0;
  std::vector<BreakpointRow> breakpoints;
  std::string message;  ///< the last thing worth telling the user, with a remedy if it is an error
  bool message_is_error = false;
};

using FramePtr = std::shared_ptr<const Frame>;

}  // namespace ringside::model
