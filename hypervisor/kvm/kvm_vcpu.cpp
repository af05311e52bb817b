#include "hypervisor/kvm/kvm_vcpu.h"

#include <fmt/format.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/devices/clock.h"

namespace ringside {
namespace {

// The kernel header's structures with flexible arrays are larger in C++ than in C, and with them the request
// numbers that contain their size. So here is the head of this list as the kernel sees it.
struct SignalMaskHead {
  u32 bytes;
};
constexpr unsigned long kSetSignalMask = _IOW(KVMIO, 0x8B, SignalMaskHead);
struct SignalMask {
  SignalMaskHead head;
  u8 set[8];
};
static_assert(sizeof(SignalMask) == 12);

constexpr u64 kNanosecond = 1'000'000'000, kShortestSlice = 50'000;
/// A timer that fires this much too late is left as it is: setting it at every entry would cost more.
constexpr u64 kTimerSlack = 100'000;

int kick_signal() { return SIGRTMIN + 4; }

u64 monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * kNanosecond + static_cast<u64>(t.tv_nsec);
}

int this_thread() { return static_cast<int>(::syscall(SYS_gettid)); }

/// Blocks the kick signal in this thread: KVM_RUN alone lets it in, and no handler ever runs.
void block_kicks() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kick_signal());
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// Takes the kick out of the thread's queue; false if there was none.
bool drain_kicks() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kick_signal());
  const timespec none{};
  bool any = false;
  while (::sigtimedwait(&set, nullptr, &none) > 0) any = true;
  return any;
}

const char* internal_error_text(u32 sub_code) {
  switch (sub_code) {
    case KVM_INTERNAL_ERROR_EMULATION: return "the host kernel cannot emulate the instruction";
    case KVM_INTERNAL_ERROR_SIMUL_EX: return "two exceptions at once";
    case KVM_INTERNAL_ERROR_DELIVERY_EV: return "an exit interrupted the delivery of an event";
    default: return "no further information";
  }
}

}  // namespace

KvmVcpu::KvmVcpu(KvmVirtualMachine& machine, CpuModel model, u64 hz) : machine_(machine), hz_(hz) {
  vcpu_ = FileDescriptor(kvm_ioctl(machine_.fd(), KVM_CREATE_VCPU));
  if (!vcpu_.valid()) kvm_failed("creating a virtual processor");
  const int bytes = kvm_ioctl(machine_.system(), KVM_GET_VCPU_MMAP_SIZE);
  if (bytes <= 0) kvm_failed("asking for the size of the shared page");
  run_bytes_ = static_cast<std::size_t>(bytes);
  void* shared = ::mmap(nullptr, run_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_.get(), 0);
  if (shared == MAP_FAILED) kvm_failed("mapping the shared page");
  run_ = static_cast<kvm_run*>(shared);

  // The signals that may end KVM_RUN: those of the caller, and the kick.
  sigset_t current;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &current);
  sigdelset(&current, kick_signal());
  SignalMask mask{{sizeof mask.set}, {}};
  std::memcpy(mask.set, &current, sizeof mask.set);
  if (kvm_ioctl(vcpu_, kSetSignalMask, &mask) < 0)
    kvm_failed("choosing the signal that interrupts the guest");
  set_cpuid(model);
}

KvmVcpu::~KvmVcpu() {
  if (timer_exists_) ::timer_delete(static_cast<timer_t>(timer_));
  ::munmap(run_, run_bytes_);
}

CpuState& KvmVcpu::state() {
  complete_exit();
  if (!state_) load_state();
  return *state_;
}

bool KvmVcpu::interrupts_enabled() const { return run_->if_flag; }

bool KvmVcpu::interruptible() {
  if (injected_ || machine_.config().kernel_irqchip) return false;
  if (!entered_) return state().eflags & eflags::IF;
  return run_->ready_for_interrupt_injection && run_->if_flag;
}

void KvmVcpu::inject(const Event& event) {
  if (event.type == EventType::ExternalInterrupt) {
    kvm_interrupt interrupt{};
    interrupt.irq = event.vector;
    if (kvm_ioctl(vcpu_, KVM_INTERRUPT, &interrupt) < 0) kvm_failed("injecting an interrupt");
    injected_ = true;
    ++interrupts_;
    return;
  }
  kvm_vcpu_events events{};
  if (kvm_ioctl(vcpu_, KVM_GET_VCPU_EVENTS, &events) < 0) kvm_failed("reading pending events");
  events.exception.injected = 1;
  events.exception.nr = event.vector;
  events.exception.has_error_code = event.has_error_code;
  events.exception.error_code = event.error_code;
  if (kvm_ioctl(vcpu_, KVM_SET_VCPU_EVENTS, &events) < 0) kvm_failed("injecting an exception");
}

void KvmVcpu::request_interrupt_window(bool on) { run_->request_interrupt_window = on; }

void KvmVcpu::stop() {
  stop_ = true;
  __atomic_store_n(&run_->immediate_exit, 1, __ATOMIC_SEQ_CST);
  if (const int thread = thread_) ::syscall(SYS_tgkill, ::getpid(), thread, kick_signal());
}

void KvmVcpu::debug(bool catch_int3, std::vector<Watch> watches) {
  catch_int3_ = catch_int3;
  watches_ = std::move(watches);
  debug_dirty_ = true;
}

void KvmVcpu::give_back_int3() { apply_debug(stepping_, KVM_GUESTDBG_INJECT_BP); }

void KvmVcpu::apply_debug(bool single_step, u32 control) {
  if (!debug_dirty_ && single_step == stepping_ && !control) return;
  kvm_guest_debug debug{};
  debug.control = control;
  if (catch_int3_) debug.control |= KVM_GUESTDBG_USE_SW_BP;
  if (single_step) debug.control |= KVM_GUESTDBG_SINGLESTEP;
  if (!watches_.empty()) {
    debug.control |= KVM_GUESTDBG_USE_HW_BP;
    debug.arch.debugreg[7] = 0x400;
    for (std::size_t i = 0; i < watches_.size(); ++i) {
      const u64 type = watches_[i].on_read ? 3 : 1, length = watches_[i].bytes - 1;
      debug.arch.debugreg[i] = watches_[i].address.value;
      debug.arch.debugreg[7] |= u64{2} << 2 * i | (type | length << 2) << (16 + 4 * i);
    }
  }
  if (debug.control) debug.control |= KVM_GUESTDBG_ENABLE;
  if (kvm_ioctl(vcpu_, KVM_SET_GUEST_DEBUG, &debug) < 0) kvm_failed("setting breakpoints or single step");
  debug_dirty_ = false;
  stepping_ = single_step;
}

void KvmVcpu::exit_handled() {
  if (completion_ != Completion::Open) return;
  completion_ = Completion::Handled;
  state_.reset();  // as it was before the instruction has ended
}

void KvmVcpu::complete_exit() {
  if (completion_ != Completion::Handled) return;
  completion_ = Completion::None;
  __atomic_store_n(&run_->immediate_exit, 1, __ATOMIC_SEQ_CST);
  const int result = ::ioctl(vcpu_.get(), KVM_RUN, 0);
  __atomic_store_n(&run_->immediate_exit, 0, __ATOMIC_SEQ_CST);
  // The end of a single step is no news; the next element of a REP OUTS is.
  if (result == 0 && run_->exit_reason != KVM_EXIT_DEBUG) completion_ = Completion::NextIsThere;
}

void KvmVcpu::arm_timer(u64 deadline) {
  const int thread = this_thread();
  if (thread != timer_thread_) {  // a timer signals the thread that it was made for
    if (timer_exists_) ::timer_delete(static_cast<timer_t>(timer_));
    timer_exists_ = false;
    block_kicks();
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = kick_signal();
    event._sigev_un._tid = thread;
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) kvm_failed("creating a timer");
    timer_ = timer;
    timer_exists_ = true;
    timer_thread_ = thread;
    armed_until_ = 0;
  }
  if (armed_until_ && armed_until_ <= deadline + kTimerSlack) return;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(deadline / kNanosecond);
  when.it_value.tv_nsec = static_cast<long>(deadline % kNanosecond);
  ::timer_settime(static_cast<timer_t>(timer_), TIMER_ABSTIME, &when, nullptr);
  armed_until_ = deadline;
}

/// KVM_RUN, from the time `entered_at_` on. False if the kick ended it: the deadline has come, or stop() was
/// called.
bool KvmVcpu::enter_guest(u64 deadline) {
  for (;;) {
    arm_timer(deadline);
    thread_ = this_thread();
    const int result = ::ioctl(vcpu_.get(), KVM_RUN, 0);
    const int error = errno;
    thread_ = 0;
    ++entries_;
    left_at_ = monotonic_ns();
    if (result == 0) return true;
    if (error != EINTR && error != EAGAIN) {
      errno = error;
      kvm_failed("running the guest");
    }
    const bool kicked = drain_kicks();
    if (kicked) armed_until_ = 0;
    if (stop_ || !kicked || left_at_ >= deadline) return false;
    // The kick was meant for an earlier entry.
  }
}

Exit KvmVcpu::run(u64 budget) {
  if (interrupt_) {
    interrupt_ = false;
    return exits::ExternalInterrupt{};
  }
  const bool single_step = budget == 1;
  if (single_step) complete_exit();
  store_state();
  if (completion_ == Completion::NextIsThere) return translate_exit();
  completion_ = Completion::None;
  apply_debug(single_step);
  __atomic_store_n(&run_->immediate_exit, 0, __ATOMIC_SEQ_CST);
  if (stop_.exchange(false)) return exits::Stopped{};

  constexpr u64 kLongest = u64{1} << 40;
  // A single instruction gets a second: the limit is only there for one that never ends.
  const u64 cycles = single_step ? hz_ : std::min(budget, kLongest);
  entered_at_ = monotonic_ns();
  const bool exited =
      enter_guest(entered_at_ + std::max(static_cast<u64>(Wide{cycles} * kNanosecond / hz_), kShortestSlice));
  guest_ns_ += left_at_ - entered_at_;
  entered_ = true;
  injected_ = false;
  if (exited) return translate_exit();
  if (stop_.exchange(false)) return exits::Stopped{};
  return exits::BudgetSpent{};
}

Exit KvmVcpu::translate_debug_exit() const {
  using Why = exits::DebugStop::Why;
  const kvm_debug_exit_arch& debug = run_->debug.arch;
  for (std::size_t i = 0; i < watches_.size(); ++i)
    if (debug.exception == vector::DB && debug.dr6 & 1u << i)
      return exits::DebugStop{watches_[i].address, watches_[i].on_read ? Why::ReadWatch : Why::WriteWatch};
  if (debug.exception == vector::BP)
    return exits::DebugStop{LinearAddr(static_cast<u32>(debug.pc)), Why::Breakpoint};
  return exits::BudgetSpent{};  // a single step
}

Exit KvmVcpu::translate_exit() {
  const kvm_run& r = *run_;
  const bool device = r.exit_reason == KVM_EXIT_IO || r.exit_reason == KVM_EXIT_MMIO;
  completion_ = device ? Completion::Open : Completion::None;
  switch (r.exit_reason) {
    case KVM_EXIT_IO: {
      u8* data = reinterpret_cast<u8*>(run_) + r.io.data_offset;
      return exits::PortAccess{r.io.port,
                               r.io.size,
                               r.io.direction == KVM_EXIT_IO_IN,
                               {data, std::size_t{r.io.size} * r.io.count}};
    }
    case KVM_EXIT_MMIO:
      return exits::MmioAccess{
          GuestPhys(r.mmio.phys_addr), r.mmio.is_write != 0, {run_->mmio.data, std::min<u32>(r.mmio.len, 8)}};
    case KVM_EXIT_HLT: return exits::Halted{};
    case KVM_EXIT_SHUTDOWN: return exits::TripleFault{};
    case KVM_EXIT_IRQ_WINDOW_OPEN: return exits::InterruptWindow{};
    case KVM_EXIT_INTR: return exits::BudgetSpent{};
    case KVM_EXIT_DEBUG: return translate_debug_exit();
    case KVM_EXIT_FAIL_ENTRY: return exits::KvmFailEntry{r.fail_entry.hardware_entry_failure_reason};
    case KVM_EXIT_INTERNAL_ERROR:
      return exits::KvmInternalError{r.internal.suberror, internal_error_text(r.internal.suberror)};
    default:
      return exits::KvmInternalError{r.exit_reason, fmt::format("unexpected exit {} of KVM", r.exit_reason)};
  }
}

}  // namespace ringside
