// Shadow descriptor tables: the GDT and LDT that the processor really uses while a guest believes in its own.
//
// Modelled: they begin empty, so a segment load that the processor carries out on its own faults and the
// monitor emulates it from the guest's table; what it loaded is then copied here with its ring compressed and
// its limit cut off, and the next load runs without the monitor. The guest's table is write-protected where
// entries were copied from. A write to it drops what was copied: as with page tables there is nothing to keep
// in step except what has been used. Simplified: gates, TSS and LDT descriptors never get a shadow, so
// transfers through them are always emulated. Manual: Intel SDM vol. 3 section 3.5.
#pragma once

#include <vector>

#include "hypervisor/trap/monitor_area.h"
#include "hypervisor/trap/shadow_paging.h"

namespace ringside {

class ShadowDescriptors {
 public:
  ShadowDescriptors(MonitorArea& area, ShadowPaging& paging) : area_(area), paging_(paging) {}

  /// The guest loaded `descriptor` through `selector`; it lies at `where` in guest-physical memory. Copies it
  /// if the processor may load it on its own from now on.
  void loaded(u16 selector, const Descriptor& descriptor, LinearAddr linear, GuestPhys where);

  void drop_gdt();
  void drop_ldt();
  /// Guest memory was written: drops the copies of descriptors that lie there.
  void memory_written(GuestPhys address, u64 bytes);
  /// Gives a frame up altogether, so that the guest may write it directly.
  void release(GuestPhys frame);
  bool uses(GuestPhys frame) const;
  /// The guest's mapping of linear memory may have changed: drops the copies whose descriptor would now be
  /// found in another place.
  void remapped(const std::function<std::optional<GuestPhys>(LinearAddr)>& find);

  bool empty() const { return entries_.empty(); }
  /// The guest's own descriptor of a segment that the processor holds cut off; nullptr if it is no longer
  /// known.
  const Descriptor* original(u16 selector) const;

 private:
  struct Entry {
    u16 index;
    bool local;
    LinearAddr linear;
    GuestPhys where;
    Descriptor guest;
  };
  template <class Predicate>
  void drop_if(Predicate&& predicate);

  MonitorArea& area_;
  ShadowPaging& paging_;
  std::vector<Entry> entries_;  // what a guest uses is few
};

}  // namespace ringside
