// One technique in a session: the guest under it, what has been recorded of it, and how to move it in time.
//
// Going back is rebuilding and replaying: everything is deterministic, what was typed is kept with the
// instruction at which it arrived, so instruction N of the replay is instruction N of the run.
#pragma once

#include <memory>

#include "ui/model/commands.h"
#include "ui/model/disassembler.h"
#include "ui/model/guest_source.h"
#include "ui/model/recorder.h"

namespace ringside::model {

struct LaneOptions {
  std::string command_line;
  const CostProfile* profile = nullptr;
  SensitiveInstructions sensitive = SensitiveInstructions::Trap;
  u64 ram_bytes = 32u << 20;
};

struct Breakpoint {
  u32 id = 0;
  command::AddBreakpoint what{};
};

class Lane {
 public:
  Lane(Mode mode, const GuestSource& source, const LaneOptions& options);

  Mode mode() const { return mode_; }
  bool available() const { return vm_ != nullptr; }
  bool ended() const { return !vm_ || vm_->ended(); }
  u64 instructions() const { return vm_ ? vm_->instructions() : 0; }

  void reset();
  /// Runs for about `count` guest instructions. True if a breakpoint stopped it; `reason()` then says which.
  bool run(u64 count);
  void step(u64 count);
  void to_next_trap();
  void seek(u64 instruction);
  void type(const std::string& text);
  void set_breakpoints(std::vector<Breakpoint> breakpoints);
  /// Guest memory by linear address, through the guest's own page tables, without side effects; how many
  /// bytes.
  std::size_t peek(u32 address, std::span<u8> bytes) const;
  bool poke(u32 address, std::span<const u8> bytes);  ///< all or nothing; RAM only
  /// The guest waits for input and burns no host time.
  bool idle() const { return idle_; }

  /// What the windows show. `focused` adds the parts that only the large views need.
  LaneFrame frame(const CostProfile& prices, std::optional<u32> disassemble_at, u32 walk_address,
                  bool focused) const;
  VirtualMachine* vm() { return vm_.get(); }
  const Recorder& recorder() const { return recorder_; }
  const std::string& reason() const { return reason_; }

 private:
  void build();
  void apply_breakpoints();
  bool advance(u64 count, bool to_next_exit);
  void deliver_input();
  void leave_breakpoint();  ///< a guest that stands on a breakpoint must get off it first

  Mode mode_;
  const GuestSource& source_;
  LaneOptions options_;
  std::unique_ptr<VirtualMachine> vm_;
  Recorder recorder_;
  Disassembler disassembler_;
  std::vector<Breakpoint> breakpoints_;
  std::string reason_;
  bool hit_ = false, idle_ = false;
  struct Typed {
    u64 instruction;
    std::string text;
  };
  std::vector<Typed> typed_;
  std::size_t delivered_ = 0;
  double measured_seconds_ = 0;
  u64 measured_instructions_ = 0;
};

}  // namespace ringside::model
