// A virtual processor under hardware assistance: the simulated VT-x or the host's /dev/kvm. Same exits, same
// devices, same dispatch; that is what makes one the oracle of the other.
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

  /// The physical interrupt of the host's timer or device: takes the processor away from the guest, so that
  /// the next run() returns ExternalInterrupt before any guest instruction.
  virtual void interrupt() = 0;
  /// Whether an external interrupt injected now would be delivered at the next entry.
  virtual bool interruptible() = 0;
  virtual void inject(const Event& event) = 0;
  /// Makes the guest exit with InterruptWindow as soon as it can take an interrupt.
  virtual void request_interrupt_window(bool on) = 0;

  /// An exit has been handled and the guest will be entered anew.
  virtual void exit_handled() {}

  virtual u64 instructions() const = 0;  ///< retired; 0 where the host cannot tell
  virtual void stop() = 0;               ///< from any thread: run() returns Stopped soon
};

}  // namespace ringside
