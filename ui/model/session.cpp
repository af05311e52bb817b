#include "ui/model/session.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "cpu/host_error.h"
#include "ui/model/chrome_trace.h"
#include "ui/model/report_data.h"

namespace ringside::model {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr double kSliceSeconds = 0.012;
constexpr std::chrono::milliseconds kFrameInterval{16}, kIdleWait{15};
constexpr u64 kShortestSlice = 1'000, kLongestSlice = 4'000'000;

/// Of this thread: what a busy host gives to others is no reason to do less at a time.
double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

SessionCore::SessionCore(const SessionOptions& options, std::function<bool()> give_up)
    : options_(options),
      give_up_(std::move(give_up)),
      source_(find_guest(options.guest, {}, {})),
      run_profile_(options.profile.empty() ? &default_cost_profile() : &cost_profile(options.profile)),
      price_profile_(run_profile_) {
  rebuild();
}

void SessionCore::say(std::string message, bool error) {
  message_ = std::move(message);
  message_is_error_ = error;
}

void SessionCore::rebuild() {
  lanes_.clear();
  VmConfig machine;
  machine.command_line = options_.command_line;
  machine.host.profile = run_profile_;
  machine.sensitive = options_.sensitive;
  for (Mode mode : options_.modes)
    lanes_.push_back(
        std::make_unique<Lane>(mode, source_, LaneOptions{.machine = machine, .give_up = give_up_}));
  set_breakpoints();
  focus_ = std::min(focus_, lanes_.empty() ? 0 : lanes_.size() - 1);
  disassemble_at_.reset();
}

void SessionCore::set_breakpoints() {
  for (const auto& lane : lanes_) {
    try {
      lane->set_breakpoints(breakpoints_);
    } catch (const HostError& e) {  // a live lane whose processor cannot watch this: it gets the others
      std::vector<Breakpoint> others = breakpoints_;
      std::erase_if(others,
                    [](const auto& b) { return b.what.kind == command::AddBreakpoint::Kind::Memory; });
      lane->set_breakpoints(std::move(others));
      say(e.what(), true);
    }
  }
}

bool SessionCore::can_go_back() {
  const std::vector<Lane*> lanes = chosen();
  const bool can = std::any_of(lanes.begin(), lanes.end(), [](const Lane* l) { return !l->live(); });
  if (!can)
    say("KVM runs on the host's own processor and cannot go back; the simulated techniques can", true);
  return can;
}

void SessionCore::open(const std::string& name) {
  GuestSource opened = find_guest(name, {}, {});  // throws before anything has changed
  running_ = false;
  lanes_.clear();
  source_ = std::move(opened);
  options_.guest = name;
  options_.command_line.clear();
  rebuild();
  say("opened " + source_.name);
}

void SessionCore::save_export(const command::Export& e) {
  using What = command::Export::What;
  if (e.what == What::Trace) {
    ChromeTrace trace(e.path, run_profile_->hz);
    for (const auto& lane : lanes_) {
      if (!lane->available()) continue;
      trace.begin_process(source_.name, lane->mode());
      lane->replay_exits([&](const ExitRecord& exit) { trace.record(exit); });
    }
    trace.finish();
  } else {
    std::vector<RunReport> reports;
    for (const auto& lane : lanes_) reports.push_back(lane->report(*price_profile_));
    for (const RunReport& r : std::vector<RunReport>(reports))
      if (r.mode == Mode::Native) compare_to(r, reports);
    std::ofstream out(e.path);
    out << (e.what == What::ComparisonCsv
                ? compare_csv(reports)
                : dump(compare_json(source_.name, *price_profile_, reports)) + "\n");
    if (!out.flush())
      throw HostError(
          fmt::format("cannot write '{}'. Give a path in a folder that exists and is writable.", e.path));
  }
  say("saved " + e.path);
}

std::vector<Lane*> SessionCore::chosen() {
  std::vector<Lane*> result;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lockstep_ || i == focus_) result.push_back(lanes_[i].get());
  return result;
}

struct SessionCore::Executor {
  SessionCore& core;

  void operator()(const command::Run&) const {
    core.running_ = true;
    core.say("");
  }
  void operator()(const command::Pause&) const {
    if (core.running_) core.align(nullptr);
    core.running_ = false;
  }
  void operator()(const command::Reset&) const {
    core.running_ = false;
    core.run_profile_ = core.price_profile_;
    core.rebuild();
  }
  void operator()(const command::Step& c) const {
    core.running_ = false;
    for (Lane* lane : core.chosen()) lane->step(c.instructions);
  }
  void operator()(const command::StepBack& c) const {
    core.running_ = false;
    if (!core.can_go_back()) return;
    for (Lane* lane : core.chosen())
      lane->seek(lane->instructions() - std::min(c.instructions, lane->instructions()));
  }
  void operator()(const command::ToNextTrap&) const {
    core.running_ = false;
    for (Lane* lane : core.chosen()) lane->to_next_trap();
  }
  void operator()(const command::Seek& c) const {
    core.running_ = false;
    if (!core.can_go_back()) return;
    for (Lane* lane : core.chosen()) lane->seek(c.instruction);
    core.disassemble_at_.reset();
  }
  void operator()(const command::SetSpeed& c) const {
    core.speed_ = std::max(0.0, c.instructions_per_second);
  }
  void operator()(const command::SetLockstep& c) const { core.lockstep_ = c.on; }
  void operator()(const command::SetProfile& c) const {
    core.price_profile_ = &cost_profile(c.name);
    core.say(fmt::format("re-priced with {}; the guest's clock follows it after a reset", c.name));
  }
  void operator()(const command::SetModes& c) const {
    core.options_.modes = c.modes;
    core.running_ = false;
    core.rebuild();
  }
  void operator()(const command::SetSensitive& c) const {
    core.options_.sensitive = c.policy;
    core.running_ = false;
    core.rebuild();
  }
  void operator()(const command::Focus& c) const {
    if (c.lane < core.lanes_.size()) core.focus_ = c.lane;
  }
  void operator()(const command::Open& c) const { core.open(c.guest); }
  void operator()(const command::Type& c) const {
    for (std::size_t i = 0; i < core.lanes_.size(); ++i)
      if (c.all_lanes || i == core.focus_) core.lanes_[i]->type(c.text);
  }
  void operator()(const command::GoTo& c) const { core.disassemble_at_ = c.address; }
  void operator()(const command::Follow&) const { core.disassemble_at_.reset(); }
  void operator()(const command::WalkAddress& c) const { core.walk_address_ = c.address; }
  void operator()(const command::Export& c) const { core.save_export(c); }
  void operator()(const command::ShowFrameMap& c) const { core.show_frame_map_ = c.on; }
  void operator()(const command::AddBreakpoint& c) const {
    core.breakpoints_.push_back({core.next_breakpoint_++, c});
    core.set_breakpoints();
  }
  void operator()(const command::RemoveBreakpoint& c) const {
    std::erase_if(core.breakpoints_, [&](const Breakpoint& b) { return b.id == c.id; });
    core.set_breakpoints();
  }
};

void SessionCore::execute(const Command& command) {
  try {
    std::visit(Executor{*this}, command);
  } catch (const HostError& e) {
    say(e.what(), true);
  }
}

void SessionCore::align(const Lane* leader) {
  if (!lockstep_) return;
  if (leader && leader->live()) leader = nullptr;
  u64 where = leader ? leader->instructions() : ~u64{0};
  if (!leader)
    for (const auto& lane : lanes_)
      if (!lane->ended() && !lane->live()) where = std::min(where, lane->instructions());
  for (const auto& lane : lanes_)
    if (!lane->live() && lane.get() != leader && (!lane->ended() || lane->instructions() > where))
      lane->seek(where);
}

bool SessionCore::run_slice(double seconds) {
  if (!running_) return false;
  const double start = processor_seconds();
  u64 quota = slice_instructions_;
  if (speed_ > 0) {
    carry_ += speed_ * seconds;
    quota = static_cast<u64>(carry_);
    carry_ -= static_cast<double>(quota);
    if (quota == 0) return true;
  }
  // In lockstep every lane is taken to the same guest instruction; lanes that are ahead wait.
  u64 target = ~u64{0};
  for (Lane* lane : chosen())
    if (!lane->ended() && !lane->live()) target = std::min(target, lane->instructions());
  if (target == ~u64{0}) target = 0;  // none but live ones
  bool alive = false, all_idle = true;
  Lane* stopped = nullptr;
  for (Lane* lane : chosen()) {
    if (lane->ended()) continue;
    alive = true;
    const u64 done = lane->live() ? target : lane->instructions(), goal = target + quota;
    if (done < goal && lane->run(goal - done)) {
      running_ = false;
      stopped = lane;
    }
    all_idle &= lane->idle();
    if (stopped) break;
  }
  if (stopped) {
    const std::string why = fmt::format("{}: {}", name(stopped->mode()), stopped->reason());
    align(stopped);
    say(why);
  }
  if (!alive) {
    running_ = false;
    say("every guest has ended");
  }
  if (speed_ <= 0) {
    const double took = processor_seconds() - start;
    if (took < seconds / 2) slice_instructions_ = std::min(slice_instructions_ * 2, kLongestSlice);
    if (took > seconds * 2) slice_instructions_ = std::max(slice_instructions_ / 2, kShortestSlice);
  }
  return running_ && !all_idle;
}

namespace {

/// How much busier than native a lane is: as the reports say it of two whole runs, otherwise for each guest
/// instruction, as neither has got as far as the other. 0 = not known.
double overhead_of(const LaneFrame& lane, const LaneFrame& native, bool whole_runs) {
  const auto busy = [](const LaneFrame& l) {
    return static_cast<double>(l.attribution.total() - l.attribution[Bucket::Idle]);
  };
  if (lane.mode == Mode::Kvm) return 0;  // its guest's own instructions are not modelled
  double of_lane = busy(lane), of_native = busy(native);
  if (!whole_runs) {
    of_lane *= static_cast<double>(native.instructions);
    of_native *= static_cast<double>(lane.instructions);
  }
  return of_native > 0 ? of_lane / of_native : 0;
}

}  // namespace

FramePtr SessionCore::frame() {
  auto frame = std::make_shared<Frame>();
  frame->serial = ++serial_;
  frame->guest = source_.name;
  frame->profile = price_profile_->name;
  frame->hz = price_profile_->hz;
  frame->running = running_;
  frame->lockstep = lockstep_;
  frame->speed = speed_;
  frame->focus = focus_;
  frame->message = message_;
  frame->message_is_error = message_is_error_;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    LaneFrame lane =
        lanes_[i]->frame(*price_profile_, {disassemble_at_, walk_address_, i == focus_, show_frame_map_});
    if (running_ && lane.state == LaneState::Paused) lane.state = LaneState::Running;
    frame->lanes.push_back(std::move(lane));
  }
  // One that died has done less than the others.
  const auto ended_well = [](const auto& lane) {
    return lane->ended() && lane->vm() && lane->vm()->ending() == Ending::Success;
  };
  for (std::size_t n = 0; n < lanes_.size(); ++n) {
    if (frame->lanes[n].mode != Mode::Native) continue;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      frame->lanes[i].overhead =
          overhead_of(frame->lanes[i], frame->lanes[n], ended_well(lanes_[i]) && ended_well(lanes_[n]));
  }
  for (const Breakpoint& b : breakpoints_) frame->breakpoints.push_back({b.id, describe(b.what)});
  return frame;
}

Session::Session(const SessionOptions& options) : core_(options, [this] { return ending_.load(); }) {
  frame_ = core_.frame();
  thread_ = std::jthread([this](const std::stop_token& stop) { simulate(stop); });
}

Session::~Session() {
  ending_ = true;
  thread_.request_stop();
  wake_.notify_all();
}

void Session::send(Command command) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(command));
  }
  wake_.notify_all();
}

FramePtr Session::frame() const {
  seen_ = true;
  return frame_.load();
}

namespace {

bool may_take_long(const Command& c) {
  return std::holds_alternative<command::Seek>(c) || std::holds_alternative<command::StepBack>(c) ||
         std::holds_alternative<command::Export>(c) || std::holds_alternative<command::ToNextTrap>(c);
}

}  // namespace

void Session::simulate(const std::stop_token& stop) {
  auto published = SteadyClock::now();
  bool changed = false, waiting = true;
  while (!stop.stop_requested()) {
    std::vector<Command> commands;
    {
      std::unique_lock lock(mutex_);
      if (waiting && queue_.empty()) {
        // A running session whose guests only wait for input looks again soon; a paused one sleeps.
        if (core_.running())
          wake_.wait_for(lock, stop, kIdleWait, [&] { return !queue_.empty(); });
        else
          wake_.wait(lock, stop, [&] { return !queue_.empty(); });
      }
      commands.swap(queue_);
    }
    for (const Command& c : commands) {
      if (may_take_long(c)) {  // what is on screen says so meanwhile
        auto busy = std::make_shared<Frame>(*frame_.load());
        busy->busy = true;
        busy->message = "replaying…";
        busy->message_is_error = false;
        frame_ = std::move(busy);
      }
      core_.execute(c);
    }
    changed |= !commands.empty();
    waiting = true;
    if (core_.running()) {
      waiting = !core_.run_slice(kSliceSeconds);
      changed = true;
    }
    if (changed &&
        (waiting || !commands.empty() || (seen_ && SteadyClock::now() - published > kFrameInterval))) {
      seen_ = false;
      frame_ = core_.frame();
      published = SteadyClock::now();
      changed = false;
    }
  }
}

}  // namespace ringside::model
