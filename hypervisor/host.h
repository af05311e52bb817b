// What a monitor stands on: the machine's memory and processor, the guest's devices, the ledger and the
// clock.
//
// Machine memory under a monitor: [0, kMonitorBytes) are the monitor's own frames (descriptor tables, shadow
// or nested page tables, shared pages), the guest's RAM follows. On bare metal the guest's RAM starts at 0.
#pragma once

#include <vector>

#include "cpu/cpu.h"
#include "hypervisor/accounting/cost_profile.h"
#include "hypervisor/machine.h"
#include "hypervisor/pv_clock.h"

namespace ringside {

/// The monitor's own page frames. Exhaustion is a normal condition: a monitor must then recycle.
class FramePool {
 public:
  FramePool(MachineMemory& memory, MachinePhys begin, u64 bytes);
  std::optional<MachinePhys> allocate();  ///< zeroed
  void release(MachinePhys frame);
  u64 available() const { return free_.size(); }
  const std::vector<MachinePhys>& free_frames() const { return free_; }
  void restore(const std::vector<MachinePhys>& free_frames) { free_ = free_frames; }

 private:
  MachineMemory& memory_;
  std::vector<MachinePhys> free_;
};

/// Vector of the physical interrupt that takes the processor away from a de-privileged guest. Devices are the
/// guest's own models and have vectors of their own; this one belongs to the monitor.
inline constexpr u8 kHostInterruptVector = 0xFF;

struct HostConfig {
  u64 ram_bytes = 32u << 20;  ///< guest-physical RAM
  u64 monitor_bytes = 0;      ///< 0 on bare metal
  /// Whether processors cache what lies above the last level of a page walk. With a modelled TLB its own walk
  /// cache decides (CpuConfig::tlb).
  bool walk_caches = true;
  CpuConfig cpu;
  const CostProfile* profile = nullptr;  ///< nullptr = default_cost_profile()
  MachineConfig machine;
  bool pv_clock = false;  ///< offered to a guest whose CPUID exits
};

class Host final : public Bus, public Clock {
 public:
  explicit Host(const HostConfig& config);

  MachineMemory memory;
  FramePool frames;
  const CostProfile& profile;
  Ledger ledger;
  Machine machine;
  Cpu cpu;
  std::optional<PvClock> pv_clock;  ///< none: the guest is not told of one

  // Clock: priced events so far, plus the instructions retired since they were last settled.
  u64 now() const override;
  u64 hz() const override { return profile.hz; }

  /// Moves what the processor counted since the last call into the ledger. Called after every run().
  void settle();
  /// Lets time pass with the guest idle until `deadline`.
  void idle_until(u64 deadline);
  /// Time that the host's clock measured while a real processor ran the guest: the devices' clock goes on,
  /// the ledger does not.
  void pass_measured_time(u64 cycles) { measured_ += cycles; }
  /// A device that wants to act before the end of the current slice makes the processor stop early.
  void set_slice_end(u64 cycles) { slice_end_ = cycles; }

  /// Which frames are free, and what has been counted. Memory, machine and processor keep their own state.
  struct Accounts {
    std::vector<MachinePhys> free_frames;
    Ledger ledger;
    CpuCounters settled;
    u64 slice_end = 0, measured = 0;
    PvClock::State pv_clock{};
  };
  Accounts save() const {
    return {frames.free_frames(), ledger,    settled_,
            slice_end_,           measured_, pv_clock ? pv_clock->state() : PvClock::State{}};
  }
  void restore(const Accounts& accounts);

 private:
  // Bus: the pins of the processor on bare metal. Under a monitor nothing reaches them.
  u32 port_in(u16 port, unsigned size) override;
  void port_out(u16 port, u32 value, unsigned size) override;
  u32 mmio_read(MachinePhys address, unsigned size) override;
  void mmio_write(MachinePhys address, u32 value, unsigned size) override;
  u8 acknowledge_interrupt() override;
  void apic_base_written(u64 value) override;
  u64 read_tsc() override;
  void numeric_error() override;

  void device_touched();
  /// What the processor has counted and settle() has not yet moved.
  template <class Count>
  void for_each_event(const Count& count) const;

  CpuCounters settled_;
  bool walk_caches_;
  u64 slice_end_ = 0;
  u64 measured_ = 0;
};

}  // namespace ringside
