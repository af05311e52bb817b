// A few bytes of guest code under a student's trap-and-emulate monitor, one exit at a time: what the small
// checks run.
//
// The guest is in flat protected mode without paging, with the tables below.
#pragma once

#include <initializer_list>

#include "labs/framework/flat_guest.h"
#include "labs/framework/trap_bridge.h"

namespace ringside::labs {

class TrapBench : public FlatGuest {
 public:
  explicit TrapBench(Session& session);

  /// Puts the processor at fresh code with `ring` as its privilege; registers and memory stay.
  void at(u32 ring, std::initializer_list<u8> code);
  /// Runs until the monitor has handled one exit, or up to some instructions. False: the guest cannot go on;
  /// why() says so.
  bool step();
  bool run(unsigned exits);
  /// As step(), but a fault that the monitor raises goes no further: its vector, nothing if it raised none.
  std::optional<u8> raised();
  const std::string& why() const { return why_; }

  u32& reg(Gpr r) { return monitor->guest.real().gpr[r]; }
  u32 eip() const { return monitor->guest.real().eip; }
  u32 word(u32 address) const { return host.machine.ram().read<u32>(GuestPhys(address)).value_or(0); }
  void poke(u32 address, u32 value) { host.machine.ram().write(GuestPhys(address), value); }
  TrapGuest& guest() { return monitor->guest; }
  /// Which handler the guest has been sent to, if any.
  std::optional<u8> in_handler() const;
  Outcome::Kind last() const { return last_; }

  mutable Host host;
  std::unique_ptr<TrapBridge> monitor;

 private:
  Outcome::Kind last_{};
  std::string why_;
};

}  // namespace ringside::labs
