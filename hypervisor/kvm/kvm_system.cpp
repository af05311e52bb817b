#include "hypervisor/kvm/kvm_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cpu/host_error.h"
#include "hypervisor/abi/ports.h"
#include "hypervisor/pv_clock.h"

namespace ringside {
namespace {

/// kvm_stats_desc as the kernel sees it: in C++ the header's flexible array adds to its size. A name follows.
struct CounterRow {
  u32 flags;
  std::int16_t exponent;
  u16 size;
  u32 offset, bucket_size;
};
static_assert(sizeof(CounterRow) == 16);

/// kvm_cpuid2, the same way.
struct CpuidListHead {
  u32 count, padding;
};
struct CpuidList {
  CpuidListHead head{256, 0};
  kvm_cpuid_entry2 entry[256]{};
};
constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, CpuidListHead);

// Where Intel processors without "unrestricted guest" keep what they need to run real mode: unused
// guest-physical space right below the firmware's reset vector.
constexpr u64 kIdentityMapPage = 0xFFFBC000, kTssPages = 0xFFFBD000;

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void kvm_failed(const char* what) {
  const char* remedy =
      errno == ENOMEM ? "This host has no memory left for it: close something, or give the guest less (-m)."
                      : "Run `ringside doctor` to see what this host's KVM can do, or use --kvm-host.";
  throw HostError(fmt::format("/dev/kvm: {} failed: {}. {}", what, std::strerror(errno), remedy));
}

int kvm_ioctl(const FileDescriptor& fd, unsigned long request, void* argument) {
  int result;
  do result = ::ioctl(fd.get(), request, argument);
  while (result < 0 && errno == EINTR);
  return result;
}

int kvm_ioctl(const FileDescriptor& fd, unsigned long request, unsigned long argument) {
  return kvm_ioctl(fd, request, reinterpret_cast<void*>(argument));
}

FileDescriptor open_kvm() {
  FileDescriptor fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd.valid()) {
    const char* remedy = "use --kvm-host, which boots a throw-away host that has it";
    if (errno == EACCES || errno == EPERM)
      remedy =
          "add yourself to the group kvm (sudo usermod -aG kvm $USER, then log in again), or use --kvm-host";
    else if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
      remedy =
          "switch on VT-x or AMD-V in the firmware, or nested virtualization in the host of this virtual "
          "machine, "
          "and load kvm-intel or kvm-amd; or use --kvm-host";
    throw HostError(fmt::format("cannot open /dev/kvm: {}. Remedy: {}.", std::strerror(errno), remedy));
  }
  const int version = kvm_ioctl(fd, KVM_GET_API_VERSION);
  if (version < 0)
    throw HostError(fmt::format(
        "/dev/kvm is not KVM: it refuses the question for its version ({}). Use --kvm-host, which boots a "
        "throw-away host with a real one.",
        std::strerror(errno)));
  if (version != KVM_API_VERSION)
    throw HostError(
        fmt::format("/dev/kvm speaks API version {}, not {}. Use a current kernel, or --kvm-host.", version,
                    KVM_API_VERSION));
  if (kvm_ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) <= 0)
    throw HostError("this host's KVM lacks KVM_CAP_USER_MEMORY. Use a current kernel, or --kvm-host.");
  return fd;
}

KvmVirtualMachine::KvmVirtualMachine(GuestMemory ram, Config config) : config_(config), system_(open_kvm()) {
  vm_ = FileDescriptor(kvm_ioctl(system_, KVM_CREATE_VM));
  if (!vm_.valid()) kvm_failed("creating a virtual machine");
  // Only Intel's half of KVM knows these two; elsewhere they are not needed.
  kvm_ioctl(vm_, KVM_SET_TSS_ADDR, kTssPages);
  u64 identity = kIdentityMapPage;
  kvm_ioctl(vm_, KVM_SET_IDENTITY_MAP_ADDR, &identity);
  if (config_.kernel_irqchip) {
    if (kvm_ioctl(vm_, KVM_CREATE_IRQCHIP) < 0)
      kvm_failed("creating the in-kernel interrupt controller (--irqchip kernel)");
    kvm_pit_config pit{};
    pit.flags = KVM_PIT_SPEAKER_DUMMY;  // port 61h, where the output of its channel 2 is read
    if (kvm_ioctl(vm_, KVM_CREATE_PIT2, &pit) < 0)
      kvm_failed("creating the in-kernel timer (--irqchip kernel)");
  }
  add_slot(ram, 0, std::min<u64>(RS_VGA_WINDOW, ram.size()));
  if (ram.size() > 0xC0000) add_slot(ram, 0xC0000, ram.size());
}

void KvmVirtualMachine::add_slot(const GuestMemory& ram, u64 begin, u64 end) {
  const Slot slot{static_cast<u32>(slots_.size()), begin, (end - begin) & ~u64{kPageMask}};
  kvm_userspace_memory_region region{};
  region.slot = slot.number;
  region.flags = config_.log_dirty_pages ? KVM_MEM_LOG_DIRTY_PAGES : 0;
  region.guest_phys_addr = begin;
  region.memory_size = slot.bytes;
  region.userspace_addr = reinterpret_cast<u64>(ram.machine().data() + ram.base().value + begin);
  int result = kvm_ioctl(vm_, KVM_SET_USER_MEMORY_REGION, &region);
  if (result < 0 && errno == EINVAL && config_.log_dirty_pages &&
      slots_.empty()) {  // some hosts have no dirty log
    config_.log_dirty_pages = false;
    region.flags = 0;
    result = kvm_ioctl(vm_, KVM_SET_USER_MEMORY_REGION, &region);
  }
  if (result < 0) kvm_failed("giving the guest its memory");
  slots_.push_back(slot);
}

void KvmVirtualMachine::set_irq_line(unsigned irq, bool level) {
  kvm_irq_level line{};
  line.irq = irq;
  line.level = level;
  if (kvm_ioctl(vm_, KVM_IRQ_LINE, &line) < 0) kvm_failed("raising an interrupt");
}

std::vector<GuestPhys> KvmVirtualMachine::take_dirty_pages() {
  std::vector<GuestPhys> pages;
  if (!config_.log_dirty_pages) return pages;
  for (const Slot& slot : slots_) {
    std::vector<u64> bitmap((slot.bytes / kPageSize + 63) / 64);
    kvm_dirty_log log{};
    log.slot = slot.number;
    log.dirty_bitmap = bitmap.data();
    if (kvm_ioctl(vm_, KVM_GET_DIRTY_LOG, &log) < 0) kvm_failed("reading the dirty log");
    for (std::size_t i = 0; i < bitmap.size(); ++i)
      for (u64 bits = bitmap[i]; bits; bits &= bits - 1)
        pages.emplace_back(slot.begin + (i * 64 + static_cast<unsigned>(__builtin_ctzll(bits))) * kPageSize);
  }
  return pages;
}

std::vector<KvmCounter> KvmVirtualMachine::counters() const { return read_kvm_counters(vm_); }

u32 KvmVirtualMachine::paravirtual_features() const {
  const auto list = std::make_unique<CpuidList>();
  if (kvm_ioctl(system_, kGetSupportedCpuid, list.get()) < 0) return 0;
  const kvm_cpuid_entry2 *begin = list->entry, *end = begin + std::min<u32>(list->head.count, 256);
  const auto* leaf = std::find_if(
      begin, end, [](const kvm_cpuid_entry2& e) { return e.function == kvm_interface::kFeatureLeaf; });
  return leaf == end ? 0 : leaf->eax;
}

bool host_is_emulated() { return std::getenv("RINGSIDE_EMULATED_HOST") != nullptr; }

std::vector<KvmCounter> read_kvm_counters(const FileDescriptor& owner) {
  std::vector<KvmCounter> counters;
  const FileDescriptor fd(kvm_ioctl(owner, KVM_GET_STATS_FD));
  kvm_stats_header header{};
  if (!fd.valid() || ::pread(fd.get(), &header, sizeof header, 0) != sizeof header) return counters;
  const std::size_t row_bytes = sizeof(CounterRow) + header.name_size;
  if (header.num_desc > 4096 || header.name_size > 4096) return counters;
  std::vector<char> rows(row_bytes * header.num_desc);
  if (::pread(fd.get(), rows.data(), rows.size(), header.desc_offset) != static_cast<ssize_t>(rows.size()))
    return counters;
  for (u32 i = 0; i < header.num_desc; ++i) {
    CounterRow desc{};
    std::memcpy(&desc, &rows[i * row_bytes], sizeof desc);
    if (desc.size != 1) continue;  // a histogram
    KvmCounter counter;
    const char* name = &rows[i * row_bytes + sizeof desc];
    counter.name.assign(name, ::strnlen(name, header.name_size));
    if (::pread(fd.get(), &counter.value, 8, header.data_offset + desc.offset) == 8)
      counters.push_back(std::move(counter));
  }
  return counters;
}

}  // namespace ringside
