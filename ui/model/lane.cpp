#include "ui/model/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cpu/host_error.h"
#include "hypervisor/run_report.h"
#include "ui/model/views.h"

namespace ringside::model {
namespace {

constexpr std::size_t kDisassemblyRows = 64;

/// While a breakpoint on CR3 is set the guest runs one instruction at a time: slow, but it stops at the right
/// one.
bool needs_single_steps(const std::vector<Breakpoint>& breakpoints) {
  return std::any_of(breakpoints.begin(), breakpoints.end(),
                     [](const Breakpoint& b) { return b.what.kind == command::AddBreakpoint::Kind::Cr3; });
}

}  // namespace

Lane::Lane(Mode mode, const GuestSource& source, const LaneOptions& options)
    : mode_(mode), source_(source), options_(options) {
  build();
}

void Lane::build() {
  vm_.reset();
  recorder_.clear();
  delivered_ = 0;
  hit_ = idle_ = false;
  reason_.clear();
  try {
    VmConfig config;
    config.mode = mode_;
    config.sensitive = options_.sensitive;
    config.command_line = options_.command_line;
    config.host.ram_bytes = options_.ram_bytes;
    config.host.profile = options_.profile;
    config.host.machine.disk = source_.make_disk();
    vm_ = std::make_unique<VirtualMachine>(source_.image_for(mode_), config);
  } catch (const HostError& e) {
    reason_ = e.what();
    return;
  }
  vm_->observe_exits([this](const ExitRecord& exit) {
    recorder_.record(exit);
    for (const Breakpoint& b : breakpoints_) {
      using Kind = command::AddBreakpoint::Kind;
      const bool io = exit.reason == ExitReason::IoInstruction;
      if ((b.what.kind == Kind::Reason && static_cast<u32>(exit.reason) == b.what.value) ||
          (b.what.kind == Kind::Port && io && exit.detail == b.what.value)) {
        hit_ = true;
        reason_ = fmt::format("breakpoint: {} at {:08x}", info(exit.reason).name, exit.eip);
      }
    }
  });
  apply_breakpoints();
}

void Lane::reset() {
  typed_.clear();
  build();
}

void Lane::apply_breakpoints() {
  if (!vm_) return;
  Cpu& cpu = vm_->host().cpu;
  cpu.clear_debug();
  for (const Breakpoint& b : breakpoints_) {
    if (b.what.kind == command::AddBreakpoint::Kind::Address) cpu.add_breakpoint(LinearAddr(b.what.value));
    if (b.what.kind == command::AddBreakpoint::Kind::Memory)
      cpu.add_watchpoint(LinearAddr(b.what.value), b.what.bytes, b.what.on_read);
  }
}

void Lane::set_breakpoints(std::vector<Breakpoint> breakpoints) {
  breakpoints_ = std::move(breakpoints);
  apply_breakpoints();
}

void Lane::deliver_input() {
  while (delivered_ < typed_.size() && typed_[delivered_].instruction <= instructions())
    vm_->host().machine.type(typed_[delivered_++].text);
}

void Lane::type(const std::string& text) {
  if (!vm_ || vm_->ended()) return;
  // What the user types now replaces the future that was replayed so far.
  typed_.resize(delivered_);
  typed_.push_back({instructions(), text});
  deliver_input();
  idle_ = false;
}

void Lane::leave_breakpoint() {
  const CpuState s = vm_->monitor().virtual_state();
  const LinearAddr here(s.seg[CS].base + s.eip);
  const bool on_one = std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](const Breakpoint& b) {
    return b.what.kind == command::AddBreakpoint::Kind::Address && b.what.value == here.value;
  });
  if (!on_one) return;
  Cpu& cpu = vm_->host().cpu;
  cpu.remove_breakpoint(here);
  vm_->step(1, false);
  cpu.add_breakpoint(here);
}

bool Lane::advance(u64 count, bool to_next_exit) {
  if (!vm_ || vm_->ended()) return false;
  hit_ = false;
  const u64 from = instructions();
  u64 until = from + count;
  if (delivered_ < typed_.size()) until = std::min(until, std::max(from + 1, typed_[delivered_].instruction));
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
  deliver_input();
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
    hit = advance(std::min(slice, until - instructions()), false);
    const u64 idle = vm_->host().ledger.attribution(vm_->host().profile)[Bucket::Idle] - idle_before;
    idle_ = idle > vm_->host().hz() / 20;
    if (idle_) break;
  }
  measured_seconds_ += std::chrono::duration<double>(SteadyClock::now() - start).count();
  measured_instructions_ += instructions() - from;
  return hit;
}

void Lane::step(u64 count) { advance(count, false); }

void Lane::to_next_trap() {
  constexpr u64 kFarEnough = 50'000'000;
  advance(kFarEnough, true);
}

void Lane::seek(u64 instruction) {
  if (!vm_) return;
  if (instruction < instructions()) build();
  std::vector<Breakpoint> none;
  breakpoints_.swap(none);  // a replay passes over breakpoints
  apply_breakpoints();
  while (vm_ && !vm_->ended() && instructions() < instruction) advance(instruction - instructions(), false);
  breakpoints_.swap(none);
  apply_breakpoints();
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
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const MachinePhys at = *vm_->monitor().translate(LinearAddr(address + static_cast<u32>(i)));
    *vm_->host().memory.at(at) = bytes[i];
    vm_->host().cpu.memory_written(at, 1);
  }
  return true;
}

LaneFrame Lane::frame(const CostProfile& prices, std::optional<u32> disassemble_at, u32 walk_address,
                      bool focused) const {
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
  f.state = vm.ended() ? LaneState::Ended : LaneState::Paused;
  f.instructions = vm.instructions();
  f.cycle = host.now();
  f.measured_mips =
      measured_seconds_ > 0 ? static_cast<double>(measured_instructions_) / measured_seconds_ / 1e6 : 0;
  f.attribution = host.ledger.attribution(prices);
  f.exits = host.ledger.exits(prices);
  f.by_topic = recorder_.by_topic();
  f.exit_count = recorder_.count();
  f.real = host.cpu.state();
  f.guest = vm.monitor().virtual_state();
  f.deprivileged = host.cpu.deprivileged();
  f.non_root = host.cpu.vmcs() != nullptr;
  const std::string& console = host.machine.console();
  f.console = console.size() > kConsoleBytes ? console.substr(console.size() - kConsoleBytes) : console;
  const auto silent = host.cpu.silent_sensitive();
  f.silent.assign(silent.begin(), silent.end());
  f.events = recorder_.events();
  f.timeline = recorder_.timeline();
  const u32 linear_eip = f.guest.seg[CS].base + f.guest.eip;
  f.current_function = symbol_name(vm.image(), linear_eip);
  f.disassembly = disassembler_.rows(
      disassemble_at.value_or(linear_eip), kDisassemblyRows, f.guest.seg[CS].big(),
      [this](u32 a, std::span<u8> b) { return peek(a, b); }, vm.image());
  for (DisassemblyRow& row : f.disassembly) {
    row.traps = recorder_.has_trapped(row.address);
    row.silent =
        std::any_of(silent.begin(), silent.end(), [&](const auto& s) { return s.eip == row.address; });
    row.breakpoint = std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](const Breakpoint& b) {
      return b.what.kind == command::AddBreakpoint::Kind::Address && b.what.value == row.address;
    });
  }
  if (focused) {
    f.walk = walk_view(vm, LinearAddr(walk_address));
    f.mappings = mapping_rows(vm, LinearAddr(walk_address), 24);
    f.devices = device_rows(vm);
    f.screen = screen_rows(vm);
    if (host.cpu.vmcs()) f.vmcs = *host.cpu.vmcs();
  }
  return f;
}

}  // namespace ringside::model
