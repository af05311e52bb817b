// A lane of a session as gdb's target: what each packet does, without any socket.
//
// Modelled: ? g G p P m M c s Z z D k, qSupported, qXfer:features:read (target.xml), vCont, and reverse
// execution (bs, bc) by deterministic replay. The guest is shown as it sees itself: virtual control registers
// and flags, its own page tables. Reading memory has no side effects on devices. Simplified: one thread; x87
// registers read as unavailable in mode kvm; they, segment and control registers cannot be written. Manual:
// Debugging with GDB, appendix "GDB Remote Serial Protocol".
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ui/model/lane.h"

namespace ringside::debugger {

class GdbTarget {
 public:
  /// `interrupted` is asked now and then while the guest runs: true stops it as Ctrl-C does.
  GdbTarget(model::Lane& lane, std::function<bool()> interrupted)
      : lane_(lane), interrupted_(std::move(interrupted)) {}

  /// The answer to a packet; "" is gdb's "not supported", an error is "Enn".
  std::string answer(std::string_view packet);
  bool detached() const { return detached_; }
  bool killed() const { return killed_; }

 private:
  std::string query(std::string_view packet);
  std::string read_registers();
  std::string write_registers(std::string_view hex);
  std::string read_register(std::string_view number);
  std::string write_register(std::string_view assignment);
  std::string read_memory(std::string_view range);
  std::string write_memory(std::string_view packet);
  std::string breakpoint(std::string_view packet, bool insert);
  std::string resume();
  std::string step();
  std::string reverse_step();
  std::string reverse_continue();
  std::string stop_reply() const;

  model::Lane& lane_;
  std::function<bool()> interrupted_;
  std::vector<model::Breakpoint> breakpoints_;
  u32 next_id_ = 1;
  std::string last_stop_ = "S05";
  bool detached_ = false, killed_ = false;
};

}  // namespace ringside::debugger
