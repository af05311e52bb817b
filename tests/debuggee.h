// A guest under gdb's packets, without a socket.
#pragma once

#include <fmt/format.h>

#include "tests/catch.h"
#include "ui/debugger/gdb_target.h"
#include "ui/debugger/packet.h"

namespace ringside::test {

/// Registers by gdb's numbers.
inline constexpr unsigned kGdbEax = 0, kGdbEsp = 4, kGdbEip = 8, kGdbCs = 10;

struct Debuggee {
  GuestSource source = find_guest("kernel", {}, {});
  model::Lane lane;
  debugger::GdbTarget target{lane, [] { return false; }};
  explicit Debuggee(Mode mode) : lane(mode, source, {.machine = {.command_line = "run=echo debugged"}}) {}

  u32 reg(unsigned number) {
    const auto bytes = debugger::from_hex(target.answer(fmt::format("p{:x}", number)));
    REQUIRE(bytes);
    u32 value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= static_cast<u32>(static_cast<u8>((*bytes)[i])) << (8 * i);
    return value;
  }
  u32 symbol(const std::string& name) const {
    for (const Symbol& s : source.image_for(lane.mode()).symbols)
      if (s.name == name) return s.address;
    FAIL("no symbol " << name);
    return 0;
  }
};

}  // namespace ringside::test
