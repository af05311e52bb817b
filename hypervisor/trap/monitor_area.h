// The monitor's own corner of the address space: what the processor needs to find its way into ring 0.
//
// Modelled: a page table, GDT, LDT, IDT, TSS and stack that lie in the monitor's frames of machine memory and
// are mapped, for supervisors only, at linear RS_MONITOR_BASE in every shadow root. The GDT's last entries
// are the monitor's own segments; all others are shadows of the guest's (shadow_descriptors.h). Every gate of
// the IDT leads to ring 0. The TSS permits no I/O port to anybody. Simplified: the handlers behind the gates
// are this program, not code at the gates' addresses. Manual: Intel SDM vol. 3 sections 3.5, 6.10, 7.2.
#pragma once

#include <array>

#include "cpu/descriptor.h"
#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/host.h"

namespace ringside {

class MonitorArea {
 public:
  static constexpr u32 kTableEntries = 8192;
  /// The monitor's own segments, at the end of the GDT.
  static constexpr u16 kCodeSelector = 0xFFE0, kStackSelector = 0xFFE8, kTssSelector = 0xFFF0,
                       kLdtSelector = 0xFFF8;
  static constexpr u32 kFirstOwnEntry = kCodeSelector >> 3;

  /// Throws HostError if the pool is too small.
  explicit MonitorArea(Host& host);

  /// Directory entry RS_MONITOR_BASE >> 22 of every shadow root.
  u32 directory_entry() const { return directory_entry_; }
  /// Points GDTR, IDTR and TR of the real processor here.
  void load(CpuState& real) const;
  /// The real LDTR: the shadow LDT, or none.
  SegmentRegister ldtr(bool present) const;

  void set_gdt(u32 index, const Descriptor& d) { write(gdt_, index, d); }
  void set_ldt(u32 index, const Descriptor& d) { write(ldt_, index, d); }
  Descriptor gdt(u32 index) const { return read(gdt_, index); }
  Descriptor ldt(u32 index) const { return read(ldt_, index); }

 private:
  static constexpr u32 kTablePages = kTableEntries * 8 / kPageSize;
  using TablePages = std::array<MachinePhys, kTablePages>;
  void write(const TablePages& table, u32 index, const Descriptor& d);
  Descriptor read(const TablePages& table, u32 index) const;
  MachinePhys map_new_page(u32 linear);

  Host& host_;
  MachinePhys page_table_;
  u32 directory_entry_ = 0;
  TablePages gdt_, ldt_;
};

}  // namespace ringside
