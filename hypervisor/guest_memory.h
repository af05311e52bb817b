// Guest-physical RAM: a window of machine memory. On bare metal the window starts at 0 and the two address
// kinds agree; under a monitor it lies behind the monitor's own frames.
#pragma once

#include <cstring>
#include <optional>

#include "cpu/memory.h"

namespace ringside {

class GuestMemory {
 public:
  GuestMemory(MachineMemory& machine, MachinePhys base, u64 bytes)
      : machine_(&machine), base_(base), size_(bytes) {}

  u64 size() const { return size_; }
  MachinePhys base() const { return base_; }
  MachineMemory& machine() const { return *machine_; }

  bool contains(GuestPhys a, u64 bytes = 1) const { return bytes <= size_ && a.value <= size_ - bytes; }
  MachinePhys to_machine(GuestPhys a) const { return base_ + a.value; }
  std::optional<GuestPhys> to_guest(MachinePhys a) const {
    if (a < base_ || a.value - base_.value >= size_) return std::nullopt;
    return GuestPhys(a.value - base_.value);
  }
  /// nullptr unless the whole range is guest RAM.
  u8* at(GuestPhys a, u64 bytes = 1) const {
    return contains(a, bytes) ? machine_->at(to_machine(a), bytes) : nullptr;
  }

  template <class T>
  std::optional<T> read(GuestPhys a) const {
    const u8* p = at(a, sizeof(T));
    if (!p) return std::nullopt;
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  template <class T>
  bool write(GuestPhys a, const T& value) const {
    u8* p = at(a, sizeof(T));
    if (p) std::memcpy(p, &value, sizeof value);
    return p;
  }

 private:
  MachineMemory* machine_;
  MachinePhys base_;
  u64 size_;
};

}  // namespace ringside
