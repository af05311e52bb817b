#include "ui/model/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cpu/host_error.h"
#include "hypervisor/guest_debug.h"
#include "hypervisor/run_report.h"
#include "ui/model/frame_map.h"
#include "ui/model/page_walk.h"
#include "ui/model/views.h"

namespace ringside::model {
namespace {

constexpr std::size_t kDisassemblyRows = 64;
constexpr unsigned kMappingRows = 32;
constexpr unsigned kEipNumber = 8, kEflagsNumber = 9;

// A snapshot takes some milliseconds, so this often they cost about two per cent.
constexpr std::chrono::milliseconds kSnapshotInterval{250};
constexpr u64 kShortestInterval = 100'000;
constexpr u64 kCloseBehind = 20'000, kReplaySlice = 1'000'000;

/// How long a live lane runs before others have their turn; and how many single steps it makes at once.
constexpr double kLiveSeconds = 0.005;
constexpr u64 kMostLiveSteps = 100'000;

/// While a breakpoint on CR3 is set the guest runs one instruction at a time: slow, but it stops at the right
/// one.
bool needs_single_steps(const std::vector<Breakpoint>& breakpoints) {
  return std::any_of(breakpoints.begin(), breakpoints.end(),
                     [](const Breakpoint& b) { return b.what.kind == command::AddBreakpoint::Kind::Cr3; });
}

/// Where the function begins in which `address` lies, if that is not far before it; `address` itself
/// otherwise. Only from there can x86 code be read forwards to it for sure.
u32 function_start(const Image& image, u32 address) {
  constexpr u32 kNear = 160;
  const auto after = std::upper_bound(image.symbols.begin(), image.symbols.end(), address,
                                      [](u32 a, const Symbol& s) { return a < s.address; });
  if (after == image.symbols.begin()) return address;
  const u32 start = std::prev(after)->address;
  return address - start <= kNear ? start : address;
}

/// Leaves a few rows before `address`; reads anew from it if the rows do not meet it.
template <class Rows>
void show_around(std::vector<DisassemblyRow>& rows, u32 address, const Rows& read_from) {
  constexpr std::ptrdiff_t kBefore = 5;
  const auto here =
      std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.address == address; });
  if (here == rows.end())
    rows = read_from(address);
  else if (here - rows.begin() > kBefore)
    rows.erase(rows.begin(), here - kBefore);
}

}  // namespace

Lane::Lane(Mode mode, const GuestSource& source, const LaneOptions& options)
    : mode_(mode), source_(source), options_(options) {
  build();
}

void Lane::build() {
  vm_.reset();
  recorder_.clear();
  history_.clear();
  printed_.clear();
  delivered_ = 0;
  hit_ = idle_ = broken_ = false;
  reason_.clear();
  disk_.reset();
  try {
    if (auto disk = source_.make_disk()) disk_ = std::make_shared<VersionedDisk>(std::move(disk));
    VmConfig config;
    config.mode = mode_;
    config.sensitive = options_.sensitive;
    config.command_line = options_.command_line;
    config.host.ram_bytes = options_.ram_bytes;
    config.host.profile = options_.profile;
    config.host.machine.disk = disk_;
    vm_ = std::make_unique<VirtualMachine>(source_.image_for(mode_), config);
  } catch (const HostError& e) {
    reason_ = e.what();
    return;
  }
  vm_->observe_exits([this](const ExitRecord& exit) {
    recorder_.record(exit);
    if (tap_) tap_(exit);
    for (const Breakpoint& b : breakpoints_) {
      using Kind = command::AddBreakpoint::Kind;
      const bool io = exit.reason == ExitReason::IoInstruction;
      if ((b.what.kind == Kind::Reason && static_cast<u32>(exit.reason) == b.what.value) ||
          (b.what.kind == Kind::Port && io && exit.detail == b.what.value)) {
        hit_ = true;
        reason_ = fmt::format("breakpoint: {} at {:08x}", info(exit.reason).name, exit.eip);
      }
    }
    if (live() && (hit_ || stop_at_exit_)) vm_->request_stop();
  });
  apply_breakpoints();
  take_snapshot();
  deliver_input();
}

void Lane::take_snapshot() {
  const History::Point* last = history_.before(instructions());
  auto machine = vm_->save(last ? last->machine.get() : nullptr);
  if (machine)
    history_.add({std::move(machine), disk_ ? disk_->version() : VersionedDisk::Version{}, recorder_.kept(),
                  delivered_});
  last_snapshot_ = std::chrono::steady_clock::now();
}

void Lane::snapshot_if_due() {
  if (vm_->ended()) return;
  const History::Point* last = history_.before(instructions());
  const u64 since = instructions() - (last ? last->instruction() : 0);
  const bool due = options_.snapshot_every
                       ? since >= options_.snapshot_every
                       : since >= kShortestInterval &&
                             std::chrono::steady_clock::now() - last_snapshot_ > kSnapshotInterval;
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
  last_snapshot_ = std::chrono::steady_clock::now();
  deliver_input();
}

void Lane::reset() {
  inputs_.clear();
  build();
}

void Lane::apply_breakpoints(std::optional<LinearAddr> except) {
  if (!vm_) return;
  using Kind = command::AddBreakpoint::Kind;
  std::vector<DebugPoint> points;
  for (const Breakpoint& b : breakpoints_) {
    const LinearAddr at(b.what.value);
    if (b.what.kind == Kind::Address && at != except) points.push_back({at});
    if (b.what.kind == Kind::Memory)
      points.push_back(
          {at, b.what.on_read ? DebugPoint::Kind::ReadOrWrite : DebugPoint::Kind::Write, b.what.bytes});
  }
  set_debug_points(*vm_, std::move(points));
}

void Lane::set_breakpoints(std::vector<Breakpoint> breakpoints) {
  breakpoints_.swap(breakpoints);
  standing_at_ = instructions();
  try {
    apply_breakpoints();
  } catch (const HostError&) {
    breakpoints_.swap(breakpoints);  // the host's processor cannot have these
    throw;
  }
}

void Lane::apply(const Input& input) {
  switch (input.kind) {
    case Input::Kind::Text: vm_->host().machine.type(input.bytes); break;
    case Input::Kind::Memory:
      for (std::size_t i = 0; i < input.bytes.size(); ++i) {
        const auto at = vm_->monitor().translate(LinearAddr(input.where + static_cast<u32>(i)));
        if (!at) continue;
        *vm_->host().memory.at(*at) = static_cast<u8>(input.bytes[i]);
        vm_->host().cpu.memory_written(*at, 1);
      }
      break;
    case Input::Kind::Register: {
      u32 value;
      std::memcpy(&value, input.bytes.data(), sizeof value);
      CpuState& real = processor_registers(*vm_);
      constexpr u32 kSettable = eflags::kArithmetic | eflags::DF;
      if (input.where < kEipNumber)
        real.gpr[input.where] = value;
      else if (input.where == kEipNumber)
        real.eip = value;
      else
        real.eflags = (real.eflags & ~kSettable) | (value & kSettable);
    }
  }
}

void Lane::accept(Input input) {
  // What comes now replaces the future that was replayed so far.
  inputs_.resize(delivered_);
  printed_.clear();
  history_.forget_after(input.instruction);
  inputs_.push_back(std::move(input));
  deliver_input();
}

void Lane::deliver_input() {
  while (delivered_ < inputs_.size() && inputs_[delivered_].instruction <= instructions())
    apply(inputs_[delivered_++]);
}

void Lane::type(const std::string& text) {
  if (!vm_ || vm_->ended()) return;
  accept({Input::Kind::Text, instructions(), 0, text});
  idle_ = false;
}

bool Lane::set_register(unsigned number, u32 value) {
  if (!vm_ || number > kEflagsNumber) return false;
  accept({Input::Kind::Register, instructions(), number,
          std::string(reinterpret_cast<const char*>(&value), sizeof value)});
  return true;
}

void Lane::leave_breakpoint() {
  if (instructions() != standing_at_) return;
  const CpuState s = vm_->monitor().virtual_state();
  const LinearAddr here(s.seg[CS].base + s.eip);
  const bool on_one = std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](const Breakpoint& b) {
    return b.what.kind == command::AddBreakpoint::Kind::Address && b.what.value == here.value;
  });
  if (!on_one) return;
  apply_breakpoints(here);
  vm_->step(1, false);
  apply_breakpoints();
}

bool Lane::advance(u64 count, bool to_next_exit) {
  if (!vm_ || vm_->ended()) return false;
  hit_ = false;
  const u64 from = instructions();
  u64 until = from + count;
  if (delivered_ < inputs_.size())
    until = std::min(until, std::max(from + 1, inputs_[delivered_].instruction));
  const u32 cr3 = vm_->monitor().virtual_state().cr3;
  const bool single = needs_single_steps(breakpoints_);
  const u64 exits = recorder_.count();
  leave_breakpoint();
  do {
    const u64 before = instructions();
    vm_->step(single ? 1 : until - before, to_next_exit || !breakpoints_.empty());
    if (vm_->debug_stop()) {
      hit_ = true;
      reason_ = fmt::format("breakpoint at {:08x}", vm_->debug_stop()->address.value);
    } else if (single && vm_->monitor().virtual_state().cr3 != cr3) {
      hit_ = true;
      reason_ = fmt::format("breakpoint: CR3 is now {:08x}", vm_->monitor().virtual_state().cr3);
    }
    if (to_next_exit && recorder_.count() != exits) break;
  } while (!hit_ && !vm_->ended() && instructions() < until);
  if (hit_) standing_at_ = instructions();
  deliver_input();
  if (vm_->ended()) reason_ = vm_->why().empty() ? "the guest ended well" : vm_->why();
  return hit_;
}

bool Lane::advance_live(const std::function<void()>& enter) {
  if (ended()) return false;
  hit_ = false;
  try {
    leave_breakpoint();
    if (!vm_->ended()) enter();
  } catch (const HostError& e) {  // a KVM that lacks what this guest needs
    broken_ = true;
    reason_ = e.what();
    return false;
  }
  if (vm_->debug_stop()) {
    hit_ = true;
    reason_ = fmt::format("breakpoint at {:08x}", vm_->debug_stop()->address.value);
  }
  standing_at_ = hit_ ? instructions() : ~u64{0};
  if (vm_->ended()) reason_ = vm_->why().empty() ? "the guest ended well" : vm_->why();
  return hit_;
}

bool Lane::run(u64 count) {
  if (ended()) return false;
  using SteadyClock = std::chrono::steady_clock;
  const auto start = SteadyClock::now();
  const u64 from = instructions(),
            idle_before = vm_->host().ledger.attribution(vm_->host().profile)[Bucket::Idle];
  const u64 until = from + count;
  bool hit = false;
  // Stop early where the guest mostly idles: simulated seconds would fly by while nobody types.
  for (u64 slice = std::max<u64>(count / 16, 1); !hit && !vm_->ended() && instructions() < until;) {
    if (live()) {
      hit = advance_live([&] { vm_->run({.wall_seconds = kLiveSeconds}); });
      if (SteadyClock::now() - start > std::chrono::duration<double>(kLiveSeconds)) break;
    } else {
      hit = advance(std::min(slice, until - instructions()), false);
      snapshot_if_due();
    }
    const u64 idle = vm_->host().ledger.attribution(vm_->host().profile)[Bucket::Idle] - idle_before;
    idle_ = idle > vm_->host().hz() / 20;
    if (idle_) break;
  }
  measured_seconds_ += std::chrono::duration<double>(SteadyClock::now() - start).count();
  measured_instructions_ += instructions() - from;
  return hit;
}

void Lane::step(u64 count) {
  if (!live()) {
    advance(count, false);
    return;
  }
  for (u64 i = 0; i < std::min(count, kMostLiveSteps); ++i)
    if (advance_live([&] { vm_->step(1, false); }) || ended()) break;
}

void Lane::to_next_trap() {
  constexpr u64 kFarEnough = 50'000'000;
  const u64 exits = recorder_.count(), until = instructions() + kFarEnough;
  stop_at_exit_ = true;
  while (!ended() && recorder_.count() == exits && instructions() < until) {
    if (live() ? advance_live([&] { vm_->run({.wall_seconds = kLiveSeconds}); })
               : advance(std::min(until - instructions(), kReplaySlice), true))
      break;
    if (options_.give_up && options_.give_up()) break;
  }
  stop_at_exit_ = false;
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

bool Lane::back_to_breakpoint(const std::function<bool()>& give_up) {
  const u64 now = instructions();
  // One stretch between two points after the other, backwards; in each the last stop counts.
  for (u64 begin = now, end = now; begin > 0;) {
    const History::Point* point = history_.before(begin - 1);
    begin = point ? point->instruction() : 0;
    seek(begin);
    std::optional<u64> last;
    while (!ended() && instructions() < end) {
      if (run(std::min(end - instructions(), kReplaySlice)) && instructions() < end) last = instructions();
      if (give_up()) {
        seek(now);
        return true;
      }
    }
    if (last) {
      seek(*last);
      return true;
    }
    end = begin + 1;  // a breakpoint at the point itself belongs to the stretch before
  }
  seek(0);
  return false;
}

std::size_t Lane::peek(u32 address, std::span<u8> bytes) const {
  std::size_t n = 0;
  for (std::optional<MachinePhys> page; n < bytes.size(); ++n) {
    const LinearAddr at(address + static_cast<u32>(n));
    if (!page || at.offset() == 0) {
      page = vm_->monitor().translate(at);
      if (!page) break;
      page = page->page();
    }
    const u8* p = vm_->host().memory.at(*page + at.offset());
    if (!p) break;
    bytes[n] = *p;
  }
  return n;
}

bool Lane::poke(u32 address, std::span<const u8> bytes) {
  std::vector<u8> old(bytes.size());
  if (peek(address, old) != bytes.size()) return false;
  accept({Input::Kind::Memory, instructions(), address, std::string(bytes.begin(), bytes.end())});
  return true;
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

RunReport Lane::report(const CostProfile& prices) const {
  if (!vm_) return unavailable(mode_, reason_);
  RunReport report = make_report(*vm_, measured_seconds_);
  report.profile = &prices;
  report.cycles = vm_->host().ledger.attribution(prices);
  report.exits = vm_->host().ledger.exits(prices);
  if (!vm_->ended()) report.reason = fmt::format("paused at guest instruction {}", instructions());
  return report;
}

LaneFrame Lane::frame(const CostProfile& prices, const View& view) const {
  LaneFrame f;
  f.mode = mode_;
  f.reason = reason_;
  if (!vm_) {
    f.state = LaneState::Unavailable;
    f.events = std::make_shared<const std::vector<ExitRecord>>();
    f.timeline = std::make_shared<const Timeline>();
    return f;
  }
  VirtualMachine& vm = *vm_;
  Host& host = vm.host();
  f.state = ended() ? LaneState::Ended : LaneState::Paused;
  f.instructions = vm.instructions();
  f.cycle = host.now();
  f.measured_mips =
      measured_seconds_ > 0 ? static_cast<double>(measured_instructions_) / measured_seconds_ / 1e6 : 0;
  f.attribution = host.ledger.attribution(prices);
  f.exits = host.ledger.exits(prices);
  f.by_topic = recorder_.by_topic();
  f.exit_count = recorder_.count();
  f.real = processor_registers(vm);
  f.guest = vm.monitor().virtual_state();
  f.deprivileged = host.cpu.deprivileged();
  f.non_root = host.cpu.vmcs() != nullptr;
  const std::string& console = host.machine.console();
  f.console = console.size() > kConsoleBytes ? console.substr(console.size() - kConsoleBytes) : console;
  const auto silent = host.cpu.silent_sensitive();
  f.silent.assign(silent.begin(), silent.end());
  f.events = recorder_.events();
  f.timeline = recorder_.timeline();
  f.last_page_exit = recorder_.last_page_exit();
  const u32 linear_eip = f.guest.seg[CS].base + f.guest.eip;
  f.current_function = symbol_name(vm.image(), linear_eip);
  const auto code = [this](u32 a, std::span<u8> b) { return peek(a, b); };
  const bool code32 = f.guest.seg[CS].big();
  const auto read_from = [&](u32 from) {
    return disassembler_.rows(from, kDisassemblyRows, code32, code, vm.image());
  };
  f.disassembly = read_from(view.disassemble_at.value_or(function_start(vm.image(), linear_eip)));
  if (!view.disassemble_at) show_around(f.disassembly, linear_eip, read_from);
  if (const ExitRecord* last = recorder_.last()) {
    const auto row = disassembler_.rows(last->eip, 1, code32, code, vm.image());
    if (!row.empty()) f.last_exit_instruction = fmt::format("{} {}", row[0].mnemonic, row[0].operands);
  }
  for (DisassemblyRow& row : f.disassembly) {
    row.traps = recorder_.has_trapped(row.address);
    row.silent =
        std::any_of(silent.begin(), silent.end(), [&](const auto& s) { return s.eip == row.address; });
    row.breakpoint = std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](const Breakpoint& b) {
      return b.what.kind == command::AddBreakpoint::Kind::Address && b.what.value == row.address;
    });
  }
  if (view.focused) {
    f.walk = walk_view(vm, LinearAddr(view.walk_address));
    f.mappings = mapping_rows(vm, LinearAddr(view.walk_address), kMappingRows);
    if (view.frame_map) f.frame_map = std::make_shared<const FrameMap>(frame_map(vm));
    f.devices = device_rows(vm);
    f.screen = screen_rows(vm);
    if (host.cpu.vmcs()) f.vmcs = *host.cpu.vmcs();
  }
  return f;
}

}  // namespace ringside::model
