// What the user can ask of a session: typed commands, put into a queue by the windows, carried out by the
// simulation thread in order.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "hypervisor/virtual_machine.h"

namespace ringside::model {

namespace command {
struct Run {};
struct Pause {};
struct Reset {};
struct Step {
  u64 instructions = 1;
};  ///< every lane (lockstep) or the focused one
struct StepBack {
  u64 instructions = 1;
};  ///< rebuilds and replays: deterministic, however far
struct ToNextTrap {};
/// Takes every lane (lockstep) or the focused one to just before guest instruction `instruction`, back or
/// forward.
struct Seek {
  u64 instruction;
};
struct SetSpeed {
  double instructions_per_second;
};  ///< 0 = as fast as it goes
struct SetLockstep {
  bool on;
};
struct SetProfile {
  std::string name;
};  ///< re-prices what has been counted; the clock keeps its profile until Reset
struct SetModes {
  std::vector<Mode> modes;
};
struct SetSensitive {
  SensitiveInstructions policy;
};
struct Focus {
  std::size_t lane;
};
struct Open {
  std::string guest;
};  ///< a built-in name or a path
struct Type {
  std::string text;
  bool all_lanes = true;
};
struct GoTo {
  u32 address;
};  ///< where the disassembly starts; Follow undoes it
struct Follow {};
struct WalkAddress {
  u32 address;
};
struct ShowFrameMap {
  bool on;
};  ///< it takes time to make: only while a window shows it
struct Export {
  enum class What : u8 { ComparisonJson, ComparisonCsv, Trace } what;
  std::string path;
};
struct AddBreakpoint {
  enum class Kind : u8 { Address, Port, Memory, Reason, Cr3 } kind;
  u32 value = 0;         ///< address, port or ExitReason
  u32 bytes = 4;         ///< Memory: how many are watched
  bool on_read = false;  ///< Memory: stop at reads too
  bool operator==(const AddBreakpoint&) const = default;
};
struct RemoveBreakpoint {
  u32 id;
};
}  // namespace command

using Command =
    std::variant<command::Run, command::Pause, command::Reset, command::Step, command::StepBack,
                 command::ToNextTrap, command::Seek, command::SetSpeed, command::SetLockstep,
                 command::SetProfile, command::SetModes, command::SetSensitive, command::Focus, command::Open,
                 command::Type, command::GoTo, command::Follow, command::WalkAddress, command::ShowFrameMap,
                 command::Export, command::AddBreakpoint, command::RemoveBreakpoint>;

/// "port 3F8h", "address c0101234", ...
std::string describe(const command::AddBreakpoint& breakpoint);

}  // namespace ringside::model
