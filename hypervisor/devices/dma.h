// How a device reaches guest memory by itself, without the processor.
//
// Addresses are the ones that the guest's driver gave to the device. Without an I/O-MMU they are
// guest-physical; with one (`permits`) they are looked up in its table, and what that does not permit is
// refused, as VT-d does for a device that a guest drives directly. Either way nothing outside guest RAM is
// reachable. Manual: Intel VT-d specification, section 3 (DMA remapping).
#pragma once

#include <cstring>
#include <functional>

#include "hypervisor/guest_memory.h"

namespace ringside {

class Dma {
 public:
  explicit Dma(GuestMemory ram) : ram_(ram) {}

  /// False if any byte of the range may not be read (written); then nothing was.
  bool read(GuestPhys from, void* to, u64 bytes) const {
    const u8* p = reach(from, bytes, false);
    if (p) std::memcpy(to, p, bytes);
    return p;
  }
  bool write(GuestPhys to, const void* from, u64 bytes) const {
    u8* p = reach(to, bytes, true);
    if (!p) return false;
    std::memcpy(p, from, bytes);
    if (bytes && written) written(to, bytes);
    return true;
  }
  template <class T>
  bool read(GuestPhys from, T& value) const {
    return read(from, &value, sizeof value);
  }
  template <class T>
  bool write(GuestPhys to, const T& value) const {
    return write(to, &value, sizeof value);
  }

  /// Told of every change that a device made: decoded code and shadows of page tables depend on memory.
  std::function<void(GuestPhys, u64 bytes)> written;
  /// The I/O-MMU, if there is one: whether the device may access the range.
  std::function<bool(GuestPhys, u64 bytes, bool write)> permits;

 private:
  u8* reach(GuestPhys address, u64 bytes, bool write) const {
    if (permits && !permits(address, bytes, write)) return nullptr;
    return ram_.at(address, bytes);
  }
  GuestMemory ram_;
};

}  // namespace ringside
