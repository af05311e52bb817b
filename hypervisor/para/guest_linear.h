// The guest's memory by linear address, as ring 1 may use it: how the monitor reads a hypercall's arguments
// and builds frames on the guest's stack. Nothing that the guest could not reach itself can be reached
// through this.
#pragma once

#include <optional>

#include "hypervisor/guest_walk.h"
#include "hypervisor/para/direct_paging.h"

namespace ringside::para {

class GuestLinear {
 public:
  GuestLinear(GuestMemory ram, const DirectPaging& paging, TranslationCache& cache)
      : ram_(ram),
        everything_(ram.machine(), MachinePhys(0), ram.machine().size()),
        paging_(paging),
        cache_(cache) {}

  /// False if any byte is unmapped, in the monitor's area or, for a write, read-only; nothing is written
  /// then.
  bool read(LinearAddr from, void* to, u32 bytes) const;
  bool write(LinearAddr to, const void* from, u32 bytes) const;

  template <class T>
  std::optional<T> read(LinearAddr from) const {
    T value;
    if (!read(from, &value, sizeof value)) return std::nullopt;
    return value;
  }

  /// Without side effects; the monitor's area too.
  std::optional<MachinePhys> translate(LinearAddr address) const;

 private:
  template <class Chunk>
  bool for_each_page(LinearAddr at, u32 bytes, Access access, Chunk&& chunk) const;
  PagingMode mode() const;

  GuestMemory ram_;
  GuestMemory everything_;  ///< page tables hold machine addresses
  const DirectPaging& paging_;
  TranslationCache& cache_;
};

}  // namespace ringside::para
