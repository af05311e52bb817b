// The guest's memory by linear address, for a monitor that acts in the guest's place: through the guest's own
// page tables, with the guest's own rights, to RAM or to a device.
//
// Simplified: an access that crosses a page boundary is made byte by byte once both pages are known to permit
// it.
#pragma once

#include "hypervisor/emulate/emulate.h"
#include "hypervisor/guest_walk.h"
#include "hypervisor/host.h"

namespace ringside {

class PagedOperands : public GuestOperands {
 public:
  /// `guest` is the guest's own view (its CR0, CR3, CR4); `user` gives the accesses user rights. Both `host`
  /// and `guest` must outlive this.
  PagedOperands(Host& host, const CpuState& guest, bool user);

  bool check(LinearAddr, unsigned size, Access) override;
  bool read(LinearAddr, unsigned size, u32& value) override;
  bool write(LinearAddr, unsigned size, u32 value) override;
  bool fetch(LinearAddr, std::span<u8> bytes) override;

 protected:
  virtual u32 device_read(GuestPhys, unsigned size) = 0;
  virtual void device_write(GuestPhys, u32 value, unsigned size) = 0;
  /// Guest RAM has changed, by a write or by accessed and dirty bits. The default makes the processor forget
  /// decoded code; a monitor that derives more from guest RAM adds to it.
  virtual void ram_written(GuestPhys, unsigned bytes);

  Host& host;

 private:
  /// One page; sets accessed and dirty bits when `mark`. False: `fault` is the page fault.
  bool translate(LinearAddr, Access, bool mark, GuestPhys& physical);
  bool read_within_page(LinearAddr, unsigned size, u32& value);
  bool write_within_page(LinearAddr, unsigned size, u32 value);

  const CpuState& guest_;
  bool user_;
};

}  // namespace ringside
