#include "cpu/execute/debug.h"

#include <algorithm>

namespace ringside {

namespace {

enum Condition : u32 { kExecute = 0, kWrite = 1, kPort = 2, kReadOrWrite = 3 };

struct DebugRegister {
  bool enabled;
  Condition condition;
  u32 begin, bytes;
};

DebugRegister debug_register(const CpuState& s, unsigned n) {
  static constexpr u32 kBytes[4] = {1, 2, 8, 4};
  const u32 control = s.dr[7] >> (16 + 4 * n);
  const u32 bytes = kBytes[(control >> 2) & 3];
  return {((s.dr[7] >> (2 * n)) & 3) != 0, static_cast<Condition>(control & 3), s.dr[n] & ~(bytes - 1),
          bytes};
}

bool overlaps(u32 a, u32 a_bytes, u32 b, u32 b_bytes) { return a - b < b_bytes || b - a < a_bytes; }

}  // namespace

bool debugging(const Core& c) { return (c.s.dr[7] & 0xFF) != 0 || c.debug.active(); }

u32 instruction_breakpoints(const Core& c, u32 linear) {
  u32 causes = 0;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugRegister r = debug_register(c.s, n);
    if (r.enabled && r.condition == kExecute && r.begin == linear) causes |= 1u << n;
  }
  return causes;
}

bool debugger_breakpoint(Core& c, u32 linear) {
  const bool pass = c.debug.pass && c.debug.passed == linear;
  c.debug.pass = false;
  if (pass ||
      std::find(c.debug.breakpoints.begin(), c.debug.breakpoints.end(), linear) == c.debug.breakpoints.end())
    return false;
  c.debug.pass = true;
  c.debug.passed = linear;
  return true;
}

void match_data_breakpoints(Core& c, LinearAddr address, u32 bytes, bool write) {
  for (unsigned n = 0; n < 4; ++n) {
    const DebugRegister r = debug_register(c.s, n);
    const bool condition =
        write ? r.condition == kWrite || r.condition == kReadOrWrite : r.condition == kReadOrWrite;
    if (r.enabled && condition && overlaps(address.value, bytes, r.begin, r.bytes))
      c.x.debug_causes |= 1u << n;
  }
  for (const auto& w : c.debug.watches) {
    if (!write && !w.on_read) continue;
    if (!overlaps(address.value, bytes, w.begin, w.bytes)) continue;
    c.debug.hit = true;
    c.debug.hit_read = !write;
    c.debug.hit_address = address.value;
    c.x.attention = true;
  }
}

void match_port_breakpoints(Core& c, u16 port, u32 bytes) {
  if (!(c.s.cr4 & cr4::DE)) return;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugRegister r = debug_register(c.s, n);
    if (r.enabled && r.condition == kPort && overlaps(port, bytes, r.begin, r.bytes))
      c.x.debug_causes |= 1u << n;
  }
}

void Cpu::add_breakpoint(LinearAddr address) { core_->debug.breakpoints.push_back(address.value); }

void Cpu::remove_breakpoint(LinearAddr address) { std::erase(core_->debug.breakpoints, address.value); }

void Cpu::add_watchpoint(LinearAddr address, u32 bytes, bool on_read) {
  core_->debug.watches.push_back({address.value, bytes, on_read});
}

void Cpu::remove_watchpoint(LinearAddr address) {
  std::erase_if(core_->debug.watches, [&](const auto& w) { return w.begin == address.value; });
}

void Cpu::clear_debug() { core_->debug = {}; }

}  // namespace ringside
