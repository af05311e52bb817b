// How a lane moves in time: snapshots, and replay from them.
#include "ui/model/lane.h"

#include <algorithm>
#include <chrono>

namespace ringside::model {
namespace {

// A snapshot takes some milliseconds, more on a slow host. Between two of them lies this many times as long:
// four lanes that share a core then spend two per cent of it.
constexpr int kSnapshotSpacing = 200;
constexpr std::chrono::milliseconds kSnapshotInterval{250};
constexpr u64 kShortestInterval = 100'000;
constexpr u64 kCloseBehind = 20'000;

}  // namespace

void Lane::take_snapshot() {
  const auto start = std::chrono::steady_clock::now();
  const History::Point* last = history_.before(instructions());
  auto machine = vm_->save(last ? last->machine.get() : nullptr);
  if (machine)
    history_.add({std::move(machine), disk_ ? disk_->version() : VersionedDisk::Version{}, recorder_.kept(),
                  delivered_});
  const auto end = std::chrono::steady_clock::now();
  next_snapshot_ =
      end + std::max<std::chrono::nanoseconds>(kSnapshotInterval, kSnapshotSpacing * (end - start));
}

void Lane::snapshot_if_due() {
  if (vm_->ended()) return;
  const History::Point* last = history_.before(instructions());
  const u64 since = instructions() - (last ? last->instruction() : 0);
  const bool due = options_.snapshot_every
                       ? since >= options_.snapshot_every
                       : since >= kShortestInterval && std::chrono::steady_clock::now() > next_snapshot_;
  if (due) take_snapshot();
}

void Lane::go_back_to(const History::Point& point) {
  // The point may lie ahead, where more had been printed: a snapshot knows only how much.
  const std::string& console = vm_->host().machine.console();
  if (console.size() > printed_.size()) printed_ = console;
  vm_->restore(*point.machine);
  const std::size_t had = point.machine->devices.console_bytes;
  if (console.size() < had)
    vm_->host().machine.print(std::string_view(printed_).substr(console.size(), had - console.size()));
  if (disk_) disk_->restore(point.disk);
  recorder_ = point.recorder;
  delivered_ = point.inputs;
  hit_ = idle_ = false;
  reason_.clear();
  next_snapshot_ = std::chrono::steady_clock::now() + kSnapshotInterval;
  deliver_input();
}

void Lane::seek(u64 instruction) {
  if (!vm_ || live()) return;
  const History::Point* point = history_.before(instruction);
  if (point && (instruction < instructions() || point->instruction() > instructions()))
    go_back_to(*point);
  else if (instruction < instructions())
    build();  // no snapshots in this mode: from power-on
  std::vector<Breakpoint> none;
  breakpoints_.swap(none);  // a replay passes over breakpoints
  apply_breakpoints();
  // A snapshot just before the goal makes the next steps back immediate.
  const u64 slice = std::min(kReplaySlice, options_.snapshot_every ? options_.snapshot_every : kReplaySlice);
  const u64 close = instruction > kCloseBehind ? instruction - kCloseBehind : 0;
  while (vm_ && !vm_->ended() && instructions() < instruction) {
    const u64 goal = instructions() < close ? close : instruction;
    advance(std::min(goal - instructions(), slice), false);
    if (vm_->ended() || (options_.give_up && options_.give_up())) break;
    if (instructions() == close && history_.size() &&
        instructions() > history_.before(close)->instruction() + kCloseBehind)
      take_snapshot();
    else
      snapshot_if_due();
  }
  breakpoints_.swap(none);
  apply_breakpoints();
  standing_at_ = instructions();
}

void Lane::replay_exits(const std::function<void(const ExitRecord&)>& observer) const {
  if (!vm_) return;
  if (live()) {  // what is remembered is all there is
    for (const ExitRecord& exit : *recorder_.events()) observer(exit);
    return;
  }
  LaneOptions options = options_;
  options.snapshot_every = ~u64{0};
  Lane replica(mode_, source_, options);
  replica.inputs_ = inputs_;
  replica.tap_ = observer;
  replica.seek(instructions());
}

}  // namespace ringside::model
