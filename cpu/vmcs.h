// The simulated VT-x: the virtual-machine control structure that non-root operation obeys.
//
// Modelled: the controls, the guest-state and exit-information fields that a 32-bit monitor uses; EPT; event
// injection; CR0/CR4 masks and read shadows; I/O bitmaps; exception bitmap with the #PF error-code filter.
// Simplified: the VMCS is a plain struct rather than an opaque region behind VMREAD/VMWRITE, root mode is the
// monitor's own C++ code, and guest state lives in the processor while it runs (Cpu::state()). No nesting.
// Manual: Intel SDM vol. 3 ch. 25 (VMCS), 26 (non-root operation), 27 (entries), 28 (exits).
#pragma once

#include <array>
#include <optional>

#include "cpu/event.h"

namespace ringside {

struct Vmcs {
  // -- pin-based controls
  bool external_interrupt_exiting = true;
  // -- primary processor-based controls
  bool interrupt_window_exiting = false;
  bool hlt_exiting = true;
  bool invlpg_exiting = false;
  bool rdtsc_exiting = false;
  bool cr3_load_exiting = false, cr3_store_exiting = false;
  bool mov_dr_exiting = false;
  bool unconditional_io_exiting = true;
  bool use_io_bitmaps = false;
  bool pause_exiting = false;
  // -- secondary controls
  bool enable_ept = true;
  bool descriptor_table_exiting = false;
  bool wbinvd_exiting = false;
  bool enable_vpid = true;

  u32 exception_bitmap = 0;
  u32 page_fault_error_code_mask = 0, page_fault_error_code_match = 0;
  std::array<u8, 8192> io_bitmap{};  ///< A then B; one bit a port, 1 = exit
  u32 cr0_guest_host_mask = 0, cr0_read_shadow = 0;
  u32 cr4_guest_host_mask = 0, cr4_read_shadow = 0;
  u64 tsc_offset = 0;
  /// Physical address of the root paging structure and the number of levels of the nested walk (2 or 4).
  MachinePhys ept_root{};
  u8 ept_levels = 4;

  // -- VM-entry control: delivered through the guest's IDT at the next entry, then cleared by the processor
  std::optional<Event> entry_event;

  // -- exit information that does not fit the typed exit
  /// The event whose delivery the exit interrupted; the monitor must re-inject it.
  std::optional<Event> idt_vectoring;
};

}  // namespace ringside
