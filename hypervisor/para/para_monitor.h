// The paravirtual monitor: the guest kernel knows that it is a guest, and asks instead of being caught.
//
// Modelled on Xen's first 32-bit interface. The kernel runs in ring 1, its users in ring 3, the monitor is
// what lies behind the IDT's gates into ring 0. Reading order:
//
//   abi/paravirtual.h  what the two sides agreed on
//   domain_builder.h   how a guest gets its memory, page tables and first registers
//   monitor_area.h     what every address space contains of the monitor
//   hypercalls.cpp     the table of everything that the guest can ask for
//   direct_paging.h    why the guest's page tables can be the real ones
//   descriptors.h, trap_table.h, frames.h   how faults and system calls reach the guest's kernel
//   event_channels.h, timer.h, console_ring.h, disk_ring.h, net_ring.h   what it has instead of devices
//   para_monitor.cpp   entries into the monitor, one after the other
//
// Simplified: one guest, one processor; no grant tables, no balloon, no writable page tables by emulation.
// Source: Barham et al., "Xen and the Art of Virtualization", SOSP 2003.
#pragma once

#include "hypervisor/monitor.h"
#include "hypervisor/para/domain.h"

namespace ringside {

class ParaMonitor : public Monitor {
 public:
  /// `cable` may be null: then there is no network card.
  ParaMonitor(Host& host, std::shared_ptr<BlockBackend> disk, std::shared_ptr<NetworkPort> cable = nullptr)
      : Monitor(host), disk_(std::move(disk)), cable_(std::move(cable)) {}
  using Monitor::on;

  void boot(const Image& image, const std::string& command_line) override;
  void before_entry() override;
  Exit enter(u64 budget) override;
  void apply(const Outcome& outcome) override;
  void interrupt_guest() override;
  u64 next_deadline() const override;
  void advance() override;
  bool event_waiting() const override;
  CpuState virtual_state() const override;
  std::optional<MachinePhys> translate(LinearAddr address) const override;
  std::unique_ptr<const MonitorState> save() const override;
  void restore(const MonitorState& state) override;

  Outcome on(const exits::MonitorEntry&) override;
  Outcome on(const exits::Halted&) override;  ///< blocked
  Outcome on(const exits::TripleFault&) override;

  para::Domain& domain() { return *domain_; }

 protected:
  /// INT 82h by ring 1; EIP is behind it. A monitor of somebody else's making (labs/) answers in its own way.
  virtual void hypercall();

 private:
  void bounce(const Event& event, u32 cr2);
  void upcall();
  void take_console_input();

  std::shared_ptr<BlockBackend> disk_;
  std::shared_ptr<NetworkPort> cable_;
  std::unique_ptr<para::Domain> domain_;
};

}  // namespace ringside
