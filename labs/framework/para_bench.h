// Hypercalls one by one to a student's paravirtual monitor: what the small checks of lab 05 run.
//
// The guest is nothing but INT 82h in ring 1. Its RAM is mapped from linear 0 up, so that a linear address is
// a guest-physical one until a check changes the tables.
#pragma once

#include <cstring>

#include "labs/framework/para_bridge.h"

namespace ringside::labs {

class ParaBench {
 public:
  static constexpr u32 kRam = 1u << 20, kCode = 0x10000, kHypercallPage = 0x11000;
  static constexpr u32 kData = 0x40000;  ///< pages from here up are a check's own

  explicit ParaBench(Session& session);

  /// What EAX holds behind the hypercall.
  i32 call(u32 number, u32 b = 0, u32 c = 0, u32 d = 0);
  void poke(u32 address, u32 value) { put(address, &value, sizeof value); }
  void put(u32 address, const void* from, u32 bytes);
  u32 word(u32 address) const { return host.machine.ram().read<u32>(GuestPhys(address)).value_or(0); }

  u32 machine(u32 address) const {
    return static_cast<u32>(host.machine.ram().to_machine(GuestPhys(address)).value);
  }
  /// Machine address of the entry that maps a page, or of a slot of the directory.
  u32 entry(u32 linear) const { return machine(table()) + (linear >> 12) * 4; }
  u32 slot(u32 index) const { return machine(directory()) + index * 4; }
  /// The entry as it is now.
  u32 entry_value(u32 linear) const { return word(table() + (linear >> 12) * 4); }
  u32 slot_value(u32 index) const { return word(directory() + index * 4); }
  /// Changes it as the guest might have done before.
  void map(u32 linear, u32 value);
  u32 directory() const { return static_cast<u32>(monitor->domain().layout.page_directory.value); }
  u32 table() const { return directory() + kPageSize; }

  std::string why() const { return monitor->complaint().empty() ? stopped_ : monitor->complaint(); }
  std::string_view why_hint() const { return monitor->complaint_hint(); }

  mutable Host host;
  std::unique_ptr<ParaBridge> monitor;

 private:
  std::string stopped_;
};

}  // namespace ringside::labs
