// A few bytes of guest code over page tables that the check has made, under a student's shadow pager: what
// the small checks of lab 04 run.
//
// The guest runs with paging and CR0.WP on. Its first 4 MiB are mapped to themselves, writable and for users;
// the 4 MiB from kArea on are what checks look at. There is a second address space with a table of its own
// for them.
#pragma once

#include <vector>

#include "labs/framework/flat_guest.h"
#include "labs/framework/shadow_bridge.h"

namespace ringside::labs {

class ShadowBench : public FlatGuest {
 public:
  static constexpr u32 kDirectory = 0x10000, kIdentity = 0x11000, kTable = 0x12000, kOtherDirectory = 0x13000,
                       kOtherTable = 0x14000, kPages = 0x20000;
  static constexpr u32 kArea = 0x400000;

  /// `paging` off: the guest begins without, and its code turns it on.
  explicit ShadowBench(Session& session, bool paging = true);

  /// Runs `code` in `ring` from the first byte to its end, or to an exception's handler.
  void run(u32 ring, const std::vector<u8>& code);
  const std::string& why() const { return why_; }  ///< it did not come to an end
  std::string_view why_hint() const { return monitor->complaint_hint(); }
  /// The exception that ended the code, if one did, its error code and CR2.
  std::optional<u8> fault() const { return fault_; }
  u32 error() const { return word(host.cpu.state().gpr[ESP]); }
  u32 cr2() const { return monitor->guest.virt.cr2; }
  /// Exits since the last run() began.
  unsigned exits(ExitReason reason) const { return exits_[static_cast<std::size_t>(reason)]; }

  u32& reg(Gpr r) { return monitor->guest.real().gpr[r]; }
  u32 word(u32 physical) const { return host.machine.ram().read<u32>(GuestPhys(physical)).value_or(0); }
  /// Before the guest has used what it changes: nobody is told.
  void poke(u32 physical, u32 value) { host.machine.ram().write(GuestPhys(physical), value); }
  /// Page `n` of the area: the address of its entry, its linear address, and the student's entry for it.
  static constexpr u32 slot(u32 n, u32 table = kTable) { return table + n * 4; }
  static constexpr u32 page(u32 n) { return kArea + n * kPageSize; }
  u32 shadow(u32 linear) const { return monitor->entry(LinearAddr(linear)); }
  u32 machine(u32 physical) const {
    return static_cast<u32>(host.machine.ram().to_machine(GuestPhys(physical)).value);
  }

  mutable Host host;
  std::unique_ptr<ShadowBridge> monitor;

 private:
  std::array<unsigned, static_cast<std::size_t>(ExitReason::kCount)> exits_{};
  std::optional<u8> fault_;
  std::string why_;
};

}  // namespace ringside::labs
