// The machine's physical memory: RAM, with holes for ROM and memory-mapped devices.
//
// RAM is one lazily committed host mapping, so an untouched guest page costs nothing. Everything else asks the bus.
#pragma once

#include <cstddef>
#include <vector>

#include "cpu/address.h"

namespace ringside {

enum class PageKind : u8 { Ram, Rom, Mmio };

class MachineMemory {
 public:
  /// `bytes` of RAM from machine address 0, rounded up to a page. Throws HostError if the host has no room.
  explicit MachineMemory(u64 bytes);
  ~MachineMemory();
  MachineMemory(const MachineMemory&) = delete;
  MachineMemory& operator=(const MachineMemory&) = delete;

  u64 size() const { return size_; }
  u8* data() { return ram_; }
  const u8* data() const { return ram_; }

  /// Makes [begin, begin+bytes) something other than RAM; whole pages. Beyond size() everything is Mmio already.
  void set_kind(MachinePhys begin, u64 bytes, PageKind kind);
  PageKind kind(MachinePhys address) const;
  /// Surely RAM, by one comparison: in the longest run of RAM behind everything special. False says nothing.
  bool plain(MachinePhys address) const { return address.value - plain_begin_ < plain_bytes_; }

  /// Host pointer to [address, address+bytes) if all of it is RAM or ROM inside one run, nullptr otherwise.
  u8* at(MachinePhys address, u64 bytes = 1);
  const u8* at(MachinePhys address, u64 bytes = 1) const { return const_cast<MachineMemory*>(this)->at(address, bytes); }

 private:
  struct Range { u64 begin, end; PageKind kind; };
  u8* ram_ = nullptr;
  u64 size_ = 0;
  std::vector<Range> special_;  // few, sorted by begin
  u64 plain_begin_ = 0, plain_bytes_ = 0;
};

}  // namespace ringside
