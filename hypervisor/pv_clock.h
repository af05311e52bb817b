// KVM's paravirtual clock: the time, in a page of the guest's that its hypervisor fills in.
//
// A guest learns by CPUID that its hypervisor is KVM or speaks its language, and tells it by WRMSR where the
// page is. From then on it reads the time without any exit: system time = what the page says, plus the
// time-stamp counter's ticks since then, scaled as the page says. It needs neither to measure the counter's
// frequency nor to distrust it.
//
// Modelled: the features CLOCKSOURCE2, CLOCKSOURCE_STABLE and NOP_IO_DELAY (a guest need not write to port
// 80h to give a device time), the registers for system time and wall-clock time, the version protocol.
// Simplified: one processor, whose counter runs at a constant rate, so that a page is written when the guest
// asks for it or sets its counter, and never again. Specification: Linux Documentation/virt/kvm/x86/cpuid.rst
// and msr.rst.
#pragma once

#include <optional>

#include "cpu/cpuid.h"
#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/dma.h"

namespace ringside {

namespace kvm_interface {
inline constexpr u32 kSignatureLeaf = 0x40000000, kFeatureLeaf = 0x40000001;
inline constexpr u32 kNopIoDelay = 1u << 1, kClockSource2 = 1u << 3, kClockSourceStable = 1u << 24;
inline constexpr u32 kWallClockMsr = 0x4B564D00, kSystemTimeMsr = 0x4B564D01;
}  // namespace kvm_interface

/// What CPUID answers from kSignatureLeaf on. `features`: of kFeatureLeaf.
CpuidResult kvm_cpuid(u32 leaf, u32 features);

/// pvclock_vcpu_time_info and pvclock_wall_clock, as the guest reads them.
struct PvSystemTime {
  u32 version, padding;
  u64 counter, nanoseconds;  ///< at that value of the counter it was so late
  u32 multiplier;            ///< nanoseconds = (ticks << shift) * multiplier >> 32
  std::int8_t shift;
  u8 flags;  ///< 1: the counter is stable
  u8 padding2[2];
};
struct PvWallClock {
  u32 version, seconds, nanoseconds;  ///< since 1970, when the system time was 0
};

class PvClock {
 public:
  static constexpr u32 kFeatures =
      kvm_interface::kNopIoDelay | kvm_interface::kClockSource2 | kvm_interface::kClockSourceStable;

  struct State {
    u64 system_time = 0, wall_clock = 0;  ///< the registers
    u32 version = 0;
    bool operator==(const State&) const = default;
  };

  PvClock(const Clock& clock, const Dma& dma) : clock_(clock), dma_(dma) {}

  /// Nothing: the register is none of these.
  std::optional<u64> read_msr(u32 index) const;
  /// False: the register is none of these. `counter`: the guest's time-stamp counter. A page that is not in
  /// the guest's memory is not written.
  bool write_msr(u32 index, u64 value, u64 counter);
  /// The guest has set its time-stamp counter.
  void counter_changed(u64 counter) { write_system_time(counter); }

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  void write_system_time(u64 counter);
  void write_wall_clock();

  const Clock& clock_;
  const Dma& dma_;
  State state_;
};

}  // namespace ringside
