// What a guest asked of the machine and nobody answered: accesses to ports and addresses without a device.
//
// On a PC they read as ones and writes vanish, and most of them are probes that mean nothing. In the report
// of a guest that hangs the last ones say which device it waits for. Bounded: of the places that were
// touched, the kMostPlaces touched last are kept; addresses count by page.
#pragma once

#include <string_view>
#include <vector>

#include "cpu/address.h"

namespace ringside {

enum class AddressSpace : u8 { Port, Memory, Msr };

struct UnclaimedAccess {
  AddressSpace space = AddressSpace::Port;
  u32 address = 0;
  u64 reads = 0, writes = 0;
  u64 last = 0;  ///< which unclaimed access of the run was the last one here, counted from 1
  bool operator==(const UnclaimedAccess&) const = default;
};

class UnclaimedLog {
 public:
  static constexpr std::size_t kMostPlaces = 32;

  void count(AddressSpace space, u32 address, bool write);
  /// In no particular order.
  const std::vector<UnclaimedAccess>& places() const { return places_; }
  u64 total() const { return total_; }
  bool operator==(const UnclaimedLog&) const = default;

 private:
  std::vector<UnclaimedAccess> places_;
  u64 total_ = 0;
};

/// What a PC usually has there: "floppy controller"; empty where nothing is usual.
std::string_view usual_device(AddressSpace space, u32 address);

}  // namespace ringside
