// One technique in a session: the guest under it, what has been recorded of it, and how to move it in time.
//
// Going back is putting the nearest snapshot back and running on from there: everything is deterministic,
// what came from outside (typed text, a debugger's writes) is kept with the instruction at which it arrived,
// so instruction N of the replay is instruction N of the run.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "hypervisor/accounting/run_report.h"
#include "ui/model/commands.h"
#include "ui/model/disassembler.h"
#include "ui/model/guest_source.h"
#include "ui/model/history.h"

namespace ringside::model {

struct LaneOptions {
  VmConfig machine;  ///< but for its mode and its disk, which are the lane's
  /// Guest instructions between two snapshots; 0 = as often as they cost a few per cent of the time.
  u64 snapshot_every = 0;
  /// Asked now and then while a seek replays: true leaves the lane where it has got to.
  std::function<bool()> give_up;
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
  bool ended() const { return !vm_ || broken_ || vm_->ended(); }
  u64 instructions() const { return vm_ ? vm_->instructions() : 0; }
  /// On the host's own processor: nobody counts its instructions, and nothing it did can be done again. So it
  /// runs for a time instead of a number, and it does not go back.
  bool live() const { return mode_ == Mode::Kvm; }

  void reset();
  /// Runs for about `count` guest instructions. True if a breakpoint stopped it; `reason()` then says which.
  bool run(u64 count);
  void step(u64 count);  ///< a live lane: 100,000 at most
  void to_next_trap();
  void seek(u64 instruction);
  /// Back to the last breakpoint before the present. False: there is none, the lane is at power-on. `give_up`
  /// is asked now and then; the lane is then where it was.
  bool back_to_breakpoint(const std::function<bool()>& give_up);
  const History& history() const { return history_; }
  void type(const std::string& text);
  /// Throws HostError if a live lane's processor cannot have these; nothing has changed then.
  void set_breakpoints(std::vector<Breakpoint> breakpoints);
  /// Guest memory by linear address, through the guest's own page tables, without side effects; how many
  /// bytes.
  std::size_t peek(u32 address, std::span<u8> bytes) const;
  bool poke(u32 address, std::span<const u8> bytes);  ///< all or nothing; RAM only
  /// 0-7 general, 8 EIP, 9 the arithmetic flags and DF: what is the same for the guest and the processor.
  /// False: another.
  bool set_register(unsigned number, u32 value);
  /// The guest waits for input and burns no host time.
  bool idle() const { return idle_; }

  /// Every exit from power-on to the present, by a replay beside this lane; of a live one the last that are
  /// remembered.
  void replay_exits(const std::function<void(const ExitRecord&)>& observer) const;
  /// For the comparison that is exported, under these prices.
  RunReport report(const CostProfile& prices) const;

  /// Where the windows look. The focused lane gets the parts that only the large views need.
  struct View {
    std::optional<u32> disassemble_at;  ///< nothing: the current instruction
    u32 walk_address = 0;
    bool focused = false, frame_map = false;
  };
  LaneFrame frame(const CostProfile& prices, const View& view) const;
  VirtualMachine* vm() { return vm_.get(); }
  const Recorder& recorder() const { return recorder_; }
  const std::string& reason() const { return reason_; }

 private:
  static constexpr u64 kReplaySlice = 1'000'000;  ///< guest instructions between two looks at `give_up`

  void build();
  /// But for a breakpoint at `except`.
  void apply_breakpoints(std::optional<LinearAddr> except = {});
  bool advance(u64 count, bool to_next_exit);
  /// The same of a live lane: `enter` runs the guest a little.
  bool advance_live(const std::function<void()>& enter);
  /// Something from outside: typed text, or a debugger's change of memory or of a register.
  struct Input {
    enum class Kind : u8 { Text, Memory, Register } kind;
    u64 instruction;  ///< at which it came
    u32 where;        ///< address or number
    std::string bytes;
  };
  void apply(const Input& input);
  void accept(Input input);
  void deliver_input();
  void take_snapshot();
  void snapshot_if_due();
  void go_back_to(const History::Point& point);
  /// A guest that has stopped on a breakpoint, or was brought there, must get off it first.
  void leave_breakpoint();

  Mode mode_;
  const GuestSource& source_;
  LaneOptions options_;
  std::unique_ptr<VirtualMachine> vm_;
  Recorder recorder_;
  std::function<void(const ExitRecord&)> tap_;  ///< sees each exit too
  Disassembler disassembler_;
  std::vector<Breakpoint> breakpoints_;
  std::string reason_;
  bool hit_ = false, idle_ = false;
  bool broken_ = false;        ///< the host could not go on with it; reason_ says why
  bool stop_at_exit_ = false;  ///< a live lane: the next exit ends vm_->run()
  u64 standing_at_ = ~u64{0};  ///< the instruction at which the guest was last brought to a stand
  std::shared_ptr<VersionedDisk> disk_;
  std::vector<Input> inputs_;
  std::size_t delivered_ = 0;
  History history_;
  std::string printed_;  ///< the longest console text of this run so far; at most ConsoleLog::kLimit
  std::chrono::steady_clock::time_point next_snapshot_{};
  double measured_seconds_ = 0;
  u64 measured_instructions_ = 0;
};

}  // namespace ringside::model
