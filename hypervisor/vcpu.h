// A virtual processor under hardware assistance: the simulated VT-x or the host's /dev/kvm. Same exits, same devices,
// same dispatch; that is what makes one the oracle of the other.
#pragma once

#include "hypervisor/exit.h"

namespace ringside {

class Vcpu {
 public:
  virtual ~Vcpu() = default;

  /// Runs the guest until an exit or for about `budget` instructions (KVM: until interrupted).
  virtual Exit run(u64 budget) = 0;

  /// The registers, loaded on first use after an exit and written back by the next run().
  virtual CpuState& state() = 0;

  /// Whether an external interrupt injected now would be delivered at the next entry.
  virtual bool interruptible() = 0;
  virtual void inject(const Event& event) = 0;
  /// Makes the guest exit with InterruptWindow as soon as it can take an interrupt.
  virtual void request_interrupt_window(bool on) = 0;

  /// Completes an IN, INS or MMIO read: the data that the device returned.
  virtual void complete_read(u32 value) = 0;

  virtual u64 instructions() const = 0;  ///< retired; 0 where the host cannot tell
  virtual void stop() = 0;               ///< from any thread: run() returns Stopped soon
};

}  // namespace ringside
