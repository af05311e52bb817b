#include "hypervisor/hvm/sim_vcpu.h"

#include <cassert>

namespace ringside {

SimVcpu::SimVcpu(Cpu& cpu) : cpu_(cpu) { cpu_.set_vmcs(&vmcs_); }

SimVcpu::~SimVcpu() { cpu_.set_vmcs(nullptr); }

Exit SimVcpu::run(u64 budget) {
  Exit exit = widen(cpu_.run(budget));
  // The host's own handler acknowledges the physical interrupt, which takes INTR away.
  if (std::holds_alternative<exits::ExternalInterrupt>(exit)) cpu_.set_interrupt_line(false);
  return exit;
}

bool SimVcpu::interruptible() {
  const CpuState& s = cpu_.state();
  return (s.eflags & eflags::IF) && !s.sti_shadow && !s.mov_ss_shadow && !vmcs_.entry_event;
}

// Without VPID a VM exit and the entry after it each empty the TLB (SDM vol. 3 section 29.4.3.1).
void SimVcpu::exit_handled() {
  if (!vmcs_.enable_vpid) cpu_.flush_tlb();
}

void SimVcpu::inject(const Event& event) {
  assert(!vmcs_.entry_event);
  vmcs_.entry_event = event;
}

}  // namespace ringside
