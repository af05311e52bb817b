// The host kernel's KVM: the device, a virtual machine with its memory, its in-kernel interrupt controller.
//
// Modelled: nothing; this is the real one, through raw ioctls. Manual: Linux Documentation/virt/kvm/api.rst.
#pragma once

#include <string>
#include <vector>

#include "hypervisor/guest_memory.h"
#include "hypervisor/kvm/measurements.h"

struct kvm_run;

namespace ringside {

/// A file descriptor that closes itself.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// ioctl() that goes on after a signal. Returns -1 with errno set on failure.
int kvm_ioctl(const FileDescriptor& fd, unsigned long request, void* argument);
int kvm_ioctl(const FileDescriptor& fd, unsigned long request, unsigned long argument = 0);

/// Throws HostError: what failed, errno, and what can be done about it.
[[noreturn]] void kvm_failed(const char* what);

/// Opens /dev/kvm and checks its version. Throws HostError with the remedy.
FileDescriptor open_kvm();

class KvmVirtualMachine {
 public:
  struct Config {
    bool kernel_irqchip = false;   ///< 8259 pair and 8254 inside the host kernel
    bool log_dirty_pages = false;  ///< where the host cannot, take_dirty_pages() stays empty
    bool pv_clock = false;         ///< the guest is told of KVM's own
    u64 apic_base = 0;             ///< IA32_APIC_BASE at power-on; 0: the guest is told of no local APIC
  };
  /// One memory slot per run of RAM; what is left out are devices. Throws HostError.
  KvmVirtualMachine(GuestMemory ram, Config config);

  const FileDescriptor& fd() const { return vm_; }
  const FileDescriptor& system() const { return system_; }
  const Config& config() const { return config_; }
  /// Drives an input of the in-kernel interrupt controller.
  void set_irq_line(unsigned irq, bool level);
  /// Pages written since the last call, ascending. Empty unless they are logged.
  std::vector<GuestPhys> take_dirty_pages();
  std::vector<KvmCounter> counters() const;
  /// What CPUID says of the host kernel's KVM from leaf 40000001h on (its EAX); 0 if it does not say.
  u32 paravirtual_features() const;

 private:
  struct Slot {
    u32 number;
    u64 begin, bytes;
  };
  void add_slot(const GuestMemory& ram, u64 begin, u64 end);

  Config config_;
  FileDescriptor system_, vm_;
  std::vector<Slot> slots_;
};

/// The counters behind a statistics descriptor of a virtual machine or processor; empty where the kernel has
/// none.
std::vector<KvmCounter> read_kvm_counters(const FileDescriptor& owner);

}  // namespace ringside
