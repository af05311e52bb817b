// The processor. It knows the architecture and nothing of monitors' policy.
//
// Modelled: see cpu/README.md for the list of what is modelled, simplified and absent.
// Manual: Intel SDM vol. 1-3.
//
// One Cpu runs in one of three ways, and the difference is architectural, not a flag that fakes it:
//   * bare metal:     nothing attached; events go through the guest's IDT, ports and MMIO reach the bus;
//   * de-privileged:  set_deprivileged(true). The guest executes in rings 1-3 under descriptor tables, IDT and page
//                     tables that the monitor placed in machine memory. Whatever passes a gate into ring 0 leaves run()
//                     as exits::MonitorEntry, because ring 0's code is the monitor. Gates into ring 1 work natively;
//   * VMX non-root:   set_vmcs(&vmcs). The guest owns rings 0-3; the controls decide what exits.
#pragma once

#include <memory>
#include <span>

#include "cpu/bus.h"
#include "cpu/counters.h"
#include "cpu/exit.h"
#include "cpu/fpu_state.h"
#include "cpu/memory.h"
#include "cpu/state.h"
#include "cpu/tlb_model.h"
#include "cpu/vmcs.h"

namespace ringside {

enum class CpuModel : u8 { I386, I486, Pentium, P6, Pentium3, Pentium4 };

/// What sensitive but unprivileged instructions (Robin & Irvine 2000) do in rings 1-3 of a de-privileged guest.
enum class SensitiveInstructions : u8 {
  Leak,  ///< real x86: they execute and tell the truth, or silently drop what they may not change
  Trap,  ///< a hypothetical virtualizable x86: #GP(0), so that Popek & Goldberg's condition holds
};

struct CpuConfig {
  CpuModel model = CpuModel::P6;
  SensitiveInstructions sensitive = SensitiveInstructions::Leak;
  TlbGeometry tlb;  ///< a TLB of this geometry decides what walks; none by default
};

/// A sensitive instruction that executed silently outside ring 0 of a de-privileged guest (policy Leak) where the
/// result differs from what ring 0 would have given: the virtualization hole, caught in the act.
struct SilentSensitive {
  u32 eip = 0;
  u16 opcode = 0;           ///< as in the opcode table: 0x00xx, or 0x0Fxx for two-byte opcodes
  u8 modrm_reg = 0;         ///< for groups
  u64 count = 0;            ///< executions at this EIP
  u64 first_instruction = 0;  ///< CpuCounters::instructions at the first one
};

class Cpu {
 public:
  Cpu(MachineMemory& memory, Bus& bus, CpuConfig config = {});
  ~Cpu();
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  /// Runs exactly up to `budget` further instructions. An instruction that faults into the guest's own handler is not
  /// retired, but the delivery uses up one unit of the budget, so that a guest that does nothing but fault comes back
  /// with BudgetSpent. Deterministic.
  CpuExit run(u64 budget);

  /// Outside run() this is plain data and complete (flags materialised); change what you like, run() re-derives.
  /// After changing what paging depends on (CR0.PG/WP, CR3, CR4, EPT root, or page tables) call flush_tlb() or
  /// invalidate_page(), as a monitor on real hardware would.
  CpuState& state();
  const CpuState& state() const;

  /// The x87's state: plain data as well, and not a monitor's business in any mode.
  FpuState& fpu();
  const FpuState& fpu() const;

  void set_deprivileged(bool on);
  bool deprivileged() const;
  void set_vmcs(Vmcs* vmcs);  ///< nullptr leaves non-root operation; the caller keeps ownership
  Vmcs* vmcs() const;

  void flush_tlb();
  void invalidate_page(LinearAddr address);
  /// RAM was changed behind the processor's back (DMA, a monitor's write, a restored snapshot): drop decoded code.
  void memory_written(MachinePhys begin, u64 bytes);

  /// The INTR pin. Sampled at instruction boundaries; latency at most one basic block.
  void set_interrupt_line(bool asserted);
  /// The A20M# pin: off forces bit 20 of every address that the processor puts on its bus to 0, those of page
  /// walks included. On after construction. Translations are dropped when it changes.
  void set_a20(bool on);
  /// Queues an event that run() delivers through the IDT before the next instruction: what a bare-metal test or a
  /// de-privileged monitor uses to deliver through a ring-1 gate. VMX uses Vmcs::entry_event.
  void inject(const Event& event);
  /// Makes run() return Stopped at the next instruction boundary. Safe from any thread.
  void request_stop();

  const CpuCounters& counters() const;
  CpuCounters& counters();
  /// Instructions retired so far, exact also inside a Bus callback.
  u64 retired() const;

  const CpuConfig& config() const;
  std::span<const SilentSensitive> silent_sensitive() const;

  // -- debugger support: none of it costs anything while unused
  void add_breakpoint(LinearAddr address);
  void remove_breakpoint(LinearAddr address);
  void add_watchpoint(LinearAddr address, u32 bytes, bool on_read);
  void remove_watchpoint(LinearAddr address);
  void clear_debug();

  struct Core;  ///< cpu/core.h: what the processor's own source files share
  Core& core() { return *core_; }

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace ringside
