// A session: one guest under several techniques side by side, run by a thread of its own.
//
// Commands go in, frames come out; drawing never waits for the simulation and the simulation never waits for
// drawing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ui/model/commands.h"
#include "ui/model/lane.h"

namespace ringside::model {

struct SessionOptions {
  std::string guest = "kernel";
  std::string command_line;  ///< empty = the guest's own default
  std::vector<Mode> modes{Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm};
  std::string profile;  ///< empty = default
  SensitiveInstructions sensitive = SensitiveInstructions::Trap;
};

/// The session without its thread: commands and slices are carried out by the caller. What tests and
/// screenshots use.
class SessionCore {
 public:
  /// `give_up` ends a long replay early: the session is about to end.
  explicit SessionCore(const SessionOptions& options, std::function<bool()> give_up = {});

  void execute(const Command& command);  ///< errors become the frame's message
  bool running() const { return running_; }
  /// One slice of every lane that runs, about `seconds` of processor time in all. False if nothing is left to
  /// run.
  bool run_slice(double seconds);
  FramePtr frame();

 private:
  struct Executor;
  /// Lockstep: takes every lane to where `leader` stopped, or to where the last one has got.
  void set_breakpoints();
  bool can_go_back();  ///< says so if not
  void align(const Lane* leader);
  void save_export(const command::Export&);
  void rebuild();
  void open(const std::string& name);
  std::vector<Lane*> chosen();  ///< every lane in lockstep, else the focused one
  void say(std::string message, bool error = false);

  SessionOptions options_;
  std::function<bool()> give_up_;
  GuestSource source_;
  const CostProfile* run_profile_;    ///< drives the guest's clock
  const CostProfile* price_profile_;  ///< prices what is shown
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Breakpoint> breakpoints_;
  u32 next_breakpoint_ = 1;
  bool running_ = false, lockstep_ = true;
  double speed_ = 0, carry_ = 0;
  u64 slice_instructions_ = 20'000;
  std::size_t focus_ = 0;
  std::optional<u32> disassemble_at_;
  u32 walk_address_ = 0xC0100000;
  bool show_frame_map_ = false;
  std::string message_;
  bool message_is_error_ = false;
  u64 serial_ = 0;
};

class Session {
 public:
  explicit Session(const SessionOptions& options);
  ~Session();

  void send(Command command);
  /// The newest frame; never null.
  FramePtr frame() const;

 private:
  void simulate(const std::stop_token& stop);

  std::atomic<bool> ending_{false};
  SessionCore core_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Command> queue_;
  std::atomic<std::shared_ptr<const Frame>> frame_;
  mutable std::atomic<bool> seen_{
      true};  ///< the newest frame has been asked for: another one is worth making
  std::jthread thread_;
};

}  // namespace ringside::model
