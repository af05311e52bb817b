// The baseline: no monitor. The guest owns the simulated machine, its interrupts and its page tables.
#pragma once

#include "hypervisor/monitor.h"

namespace ringside {

class BareMetal final : public Monitor {
 public:
  using Monitor::Monitor;
  using Monitor::on;

  void boot(const Image& image, const std::string& command_line) override;
  void before_entry() override;
  Exit enter(u64 budget) override;
  void apply(const Outcome& outcome) override;
  void interrupt_guest() override {}
  CpuState virtual_state() const override { return host.cpu.state(); }
  std::unique_ptr<const MonitorState> save() const override { return std::make_unique<MonitorState>(); }

  Outcome on(const exits::Halted&) override;
  Outcome on(const exits::TripleFault&) override;
};

}  // namespace ringside
