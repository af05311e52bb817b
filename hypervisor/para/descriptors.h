// The descriptor tables that the processor really uses under the paravirtual monitor: one GDT shared with the
// guest, the monitor's IDT, and a TSS for the ring-1 stack.
//
// GDT: 0 null, 1-15 the guest's (validated), then the monitor's own ring-0 code, ring-0 data and TSS.
// Manual: Intel SDM vol. 3 sections 3.4.5 (descriptors), 6.11 (gates), 7.2.1 (TSS).
#pragma once

#include "cpu/descriptor.h"
#include "hypervisor/para/direct_paging.h"
#include "hypervisor/para/monitor_area.h"

namespace ringside::para {

/// Cuts the limit at RS_SEGMENT_END and sets the accessed bit; -RS_EINVAL for anything that could give a
/// guest more than ring 1: a gate or system segment, DPL 0, a conforming or expand-down segment, a base in
/// the monitor's area.
Status validate_descriptor(Descriptor& descriptor);

/// What a segment register holds after loading `selector`.
SegmentRegister loaded(u16 selector, const Descriptor& descriptor);

class DescriptorTables {
 public:
  static constexpr u32 kGuestEntries = 16;
  static constexpr u16 kMonitorCs = kGuestEntries * 8, kMonitorDs = kMonitorCs + 8,
                       kTssSelector = kMonitorDs + 8;

  explicit DescriptorTables(const MonitorArea& area);

  /// RS_HC_UPDATE_DESCRIPTOR.
  Status update(u32 index, u32 low, u32 high);
  /// The descriptor that a guest's selector names; nothing for null, the monitor's and LDT selectors.
  std::optional<Descriptor> find(u16 selector) const;

  // -- IDT
  /// Vectors go to the monitor unless they are given to the guest.
  void set_monitor_gate(u8 vector, u8 dpl);
  void set_guest_gate(u8 vector, u8 dpl, u16 cs, u32 eip);

  // -- TSS: the stack on which ring 2 or 3 is interrupted
  void set_ring1_stack(u16 ss, u32 esp);
  u16 ring1_ss() const;
  u32 ring1_esp() const;

  /// GDTR, IDTR, TR and LDTR, and the segments at start.
  void load(CpuState& state) const;

 private:
  Descriptor entry(u32 index) const;
  void set_entry(u32 index, Descriptor descriptor);
  void set_gate(u8 vector, u32 low, u32 high);

  u8 *gdt_, *idt_, *tss_;
};

}  // namespace ringside::para
