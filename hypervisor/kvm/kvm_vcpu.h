// A virtual processor of the host's KVM, behind the same interface as the simulated VT-x.
//
// The host kernel handles most exits itself (CPUID, control registers, page faults on nested tables); what
// comes out are accesses to devices, HLT, shutdown and the interrupt window.
//
// Time limits need no signal handler: a per-thread timer sends a signal that is blocked, except while KVM_RUN
// waits for the guest (KVM_SET_SIGNAL_MASK). It makes KVM_RUN return, and is then taken out of the queue: no
// handler is installed and none ever runs.
// Manual: Linux Documentation/virt/kvm/api.rst, sections 4.10 (KVM_RUN) and 5 (kvm_run).
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "cpu/cpu.h"
#include "hypervisor/kvm/kvm_system.h"
#include "hypervisor/vcpu.h"

namespace ringside {

class KvmVcpu final : public Vcpu {
 public:
  /// `hz` turns a budget (cycles) into wall time. The machine must outlive the processor. Throws HostError.
  KvmVcpu(KvmVirtualMachine& machine, CpuModel model, u64 hz);
  ~KvmVcpu() override;

  /// Until an exit or for the wall time of `budget` cycles. A budget of 1 executes one instruction.
  Exit run(u64 budget) override;
  CpuState& state() override;
  void interrupt() override { interrupt_ = true; }
  bool interruptible() override;
  void inject(const Event& event) override;
  void request_interrupt_window(bool on) override;
  u64 instructions() const override { return 0; }
  void stop() override;

  void exit_handled() override;

  /// A watchpoint in one of the processor's four debug registers: 1, 2 or 4 bytes at a multiple of that.
  struct Watch {
    LinearAddr address;
    u32 bytes;
    bool on_read;
  };
  /// What ends run() with DebugStop: accesses to `watches`, and with `catch_int3` every INT3, the guest's own
  /// included.
  void debug(bool catch_int3, std::vector<Watch> watches);
  /// The INT3 that ended run() was the guest's own: it gets its exception at the next entry.
  void give_back_int3();

  bool interrupts_enabled() const;            ///< EFLAGS.IF at the last exit, without loading the registers
  u64 guest_ns() const { return guest_ns_; }  ///< wall time spent in KVM_RUN
  /// When run() entered the guest and came back last, in nanoseconds of CLOCK_MONOTONIC; 0 before the first
  /// time.
  u64 entered_at() const { return entered_at_; }
  u64 left_at() const { return left_at_; }
  u64 entries() const { return entries_; }        ///< how often KVM_RUN was called
  u64 interrupts() const { return interrupts_; }  ///< how many external interrupts have been injected
  std::vector<KvmCounter> counters() const { return read_kvm_counters(vcpu_); }

 private:
  void set_cpuid(CpuModel model);
  void load_state();
  void store_state();
  void apply_debug(bool single_step, u32 control = 0);
  void complete_exit();
  void arm_timer(u64 deadline);
  bool enter_guest(u64 deadline);
  Exit translate_exit();
  Exit translate_debug_exit() const;

  KvmVirtualMachine& machine_;
  u64 hz_;
  FileDescriptor vcpu_;
  kvm_run* run_ = nullptr;
  std::size_t run_bytes_ = 0;
  std::optional<CpuState> state_;  ///< as the caller sees and changes it
  CpuState loaded_;                ///< as it was loaded
  std::vector<Watch> watches_;
  bool catch_int3_ = false, debug_dirty_ = false, stepping_ = false;
  /// The host kernel ends an access to a device only at the next KVM_RUN: moves EIP, puts what was read into
  /// its register. Open: not yet; Handled: its data are there, so it may; NextIsThere: that brought the next
  /// exit.
  enum class Completion : u8 { None, Open, Handled, NextIsThere } completion_ = Completion::None;
  std::atomic<bool> stop_{false};
  std::atomic<int> thread_{0};  ///< the thread that is in run(), for stop()
  bool interrupt_ = false, entered_ = false, injected_ = false;
  int timer_thread_ = 0;
  void* timer_ = nullptr;  ///< timer_t of timer_thread_
  bool timer_exists_ = false;
  u64 armed_until_ = 0;  ///< when the timer fires; 0 if it does not
  u64 guest_ns_ = 0, entries_ = 0, interrupts_ = 0, entered_at_ = 0, left_at_ = 0;
};

}  // namespace ringside
