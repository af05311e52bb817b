// Trap and emulate: the classic virtual machine monitor.
//
// Modelled: the guest kernel runs in ring 1, its users in ring 3, on descriptor tables and page tables that
// the monitor placed in machine memory. Whatever the guest does that its own ring 0 would have allowed and
// ring 1 does not, and every interrupt and exception, enters the monitor through a gate of the monitor's IDT.
// It emulates from the faulting state, or hands the event on to the guest's own handlers. Simplified:
// hardware task switches and PAE guests end the run with a report. Real-mode guests run as a virtual-8086
// task of the monitor.
// Literature: Popek & Goldberg 1974; Robin & Irvine 2000; Adams & Agesen 2006, section 2.
#pragma once

#include "hypervisor/trap/emulate_privileged.h"
#include "hypervisor/trap/silent_difference.h"

namespace ringside {

class TrapMonitor : public Monitor {
 public:
  explicit TrapMonitor(Host& host, ShadowPolicy policy = kShadowCached);
  using Monitor::on;

  void boot(const Image& image, const std::string& command_line) override;
  void before_entry() override;
  Exit enter(u64 budget) override;
  void apply(const Outcome& outcome) override;
  void interrupt_guest() override { host.cpu.set_interrupt_line(true); }
  CpuState virtual_state() const override { return guest.state(); }
  std::unique_ptr<const MonitorState> save() const override;
  void restore(const MonitorState& state) override;

  Outcome on(const exits::MonitorEntry&) override;
  Outcome on(const exits::TripleFault&) override;

  /// With instructions that leak: the first one that did otherwise than on bare metal.
  const std::optional<SilentDifference>& first_difference() const { return first_difference_; }

  TrapGuest guest;
  EmulationTable emulations;  ///< change it only before the first entry

 protected:
  // What a monitor of somebody else's making (labs/) does in its own way.
  virtual Outcome carry_out(const EmulationRow& row, const Decoded& d) { return row.handler(guest, d); }
  /// False: triple fault.
  virtual bool deliver(const Event& event, u32 cr2) { return guest.deliver(event, cr2); }
  virtual Outcome page_fault(const exits::MonitorEntry&);
  void triple_fault() { triple_fault_ = true; }
  /// Outcomes of a page fault: the guest's own handler gets it, or the instruction is carried out.
  Outcome reflect(const Event& event, u32 cr2);
  Outcome emulate_memory(GuestPhys page, bool device);

 private:
  Outcome handle(const exits::MonitorEntry&);
  Outcome emulate(const Event& event);
  Outcome give_up(GuestPhys page);
  bool fetch(Decoded& d);
  Outcome emulate_cut_off();
  bool lies_in_cut_off_part(const Decoded& d);

  std::optional<SilentDifference> first_difference_;
  bool in_exit_ = false;
  bool single_step_ = false;   ///< TF was set before the instruction that is being emulated
  bool triple_fault_ = false;  ///< an event could not be delivered; comes out as an exit
};

}  // namespace ringside
