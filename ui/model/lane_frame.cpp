// A lane as the windows see it.
#include "ui/model/lane.h"

#include <fmt/format.h>

#include <algorithm>

#include "hypervisor/guest_debug.h"
#include "ui/model/frame_map.h"
#include "ui/model/page_walk.h"
#include "ui/model/views.h"

namespace ringside::model {
namespace {

constexpr std::size_t kDisassemblyRows = 64;
constexpr unsigned kMappingRows = 32;

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
  static const auto kNoEvents = std::make_shared<const std::vector<ExitRecord>>();
  f.events = view.focused ? recorder_.events() : kNoEvents;
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
