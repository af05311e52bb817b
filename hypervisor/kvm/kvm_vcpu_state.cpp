// A virtual processor's registers, and what it says of itself by CPUID: out of the host kernel and into it.
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "hypervisor/hvm/guest_cpuid.h"
#include "hypervisor/kvm/kvm_state.h"
#include "hypervisor/kvm/kvm_vcpu.h"
#include "hypervisor/pv_clock.h"

namespace ringside {
namespace {

// The kernel header's structures with flexible arrays are larger in C++ than in C, and with them the request
// numbers that contain their size. So here are the heads of these lists as the kernel sees them.
struct ListHead {
  u32 count, padding;
};
constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, ListHead), kGetMsrs = _IOWR(KVMIO, 0x88, ListHead),
                        kSetMsrs = _IOW(KVMIO, 0x89, ListHead);
template <class Entry, std::size_t kMax>
struct List {
  ListHead head{};
  Entry entry[kMax]{};
};
using MsrList = List<kvm_msr_entry, 3>;
static_assert(sizeof(kvm_msr_entry) == 16 && sizeof(kvm_cpuid_entry2) == 40);

constexpr u32 kSysenterMsrs[3] = {0x174, 0x175, 0x176};

}  // namespace

/// The guest sees the processor that the simulated techniques show it, so that it takes the same decisions.
void KvmVcpu::set_cpuid(CpuModel model) {
  List<kvm_cpuid_entry2, 17> list;
  const u32 features = machine_.config().pv_clock ? machine_.paravirtual_features() & PvClock::kFeatures : 0;
  const auto add = [&](u32 leaf) {
    const CpuidResult r = guest_cpuid(model, leaf, 0, machine_.config().apic_base, features);
    kvm_cpuid_entry2& e = list.entry[list.head.count++];
    e.function = leaf;
    e.eax = r.eax;
    e.ebx = r.ebx;
    e.ecx = r.ecx;
    e.edx = r.edx;
  };
  add(0);
  for (u32 leaf = 1; leaf <= std::min<u32>(cpuid_leaf(model, 0, 0).eax, 15); ++leaf) add(leaf);
  add(kHypervisorLeaf);
  if (features) add(kvm_interface::kFeatureLeaf);
  if (kvm_ioctl(vcpu_, kSetCpuid, &list) < 0) kvm_failed("setting CPUID");
}

void KvmVcpu::load_state() {
  kvm_regs regs{};
  kvm_sregs sregs{};
  kvm_vcpu_events events{};
  kvm_debugregs debug{};
  if (kvm_ioctl(vcpu_, KVM_GET_REGS, &regs) < 0 || kvm_ioctl(vcpu_, KVM_GET_SREGS, &sregs) < 0 ||
      kvm_ioctl(vcpu_, KVM_GET_VCPU_EVENTS, &events) < 0)
    kvm_failed("reading the registers");
  CpuState s;
  from_kvm(regs, sregs, s);
  s.sti_shadow = events.interrupt.shadow & KVM_X86_SHADOW_INT_STI;
  s.mov_ss_shadow = events.interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS;
  if (kvm_ioctl(vcpu_, KVM_GET_DEBUGREGS, &debug) == 0) {
    for (int i = 0; i < 4; ++i) s.dr[i] = static_cast<u32>(debug.db[i]);
    s.dr[6] = static_cast<u32>(debug.dr6);
    s.dr[7] = static_cast<u32>(debug.dr7);
  }
  MsrList msrs;
  msrs.head.count = 3;
  for (int i = 0; i < 3; ++i) msrs.entry[i].index = kSysenterMsrs[i];
  if (kvm_ioctl(vcpu_, kGetMsrs, &msrs) == 3) {
    s.sysenter_cs = static_cast<u32>(msrs.entry[0].data);
    s.sysenter_esp = static_cast<u32>(msrs.entry[1].data);
    s.sysenter_eip = static_cast<u32>(msrs.entry[2].data);
  }
  loaded_ = s;
  state_ = s;
}

void KvmVcpu::store_state() {
  if (!state_) return;
  const CpuState s = *state_;
  state_.reset();
  if (s == loaded_) return;
  kvm_regs regs{};
  kvm_sregs sregs{}, before{};
  if (kvm_ioctl(vcpu_, KVM_GET_SREGS, &sregs) < 0) kvm_failed("reading the registers");
  before = sregs;
  to_kvm(loaded_, regs, before);
  to_kvm(s, regs, sregs);
  // Not without need: what goes in is not always what came out. AMD's task register comes out busy, and
  // QEMU's emulated processor aborts over one that goes in so.
  if (std::memcmp(&sregs, &before, sizeof sregs) != 0 && kvm_ioctl(vcpu_, KVM_SET_SREGS, &sregs) < 0)
    kvm_failed("setting the system registers");
  if (kvm_ioctl(vcpu_, KVM_SET_REGS, &regs) < 0) kvm_failed("setting the registers");
  if (s.sysenter_cs != loaded_.sysenter_cs || s.sysenter_esp != loaded_.sysenter_esp ||
      s.sysenter_eip != loaded_.sysenter_eip) {
    MsrList msrs;
    msrs.head.count = 3;
    const u32 values[3] = {s.sysenter_cs, s.sysenter_esp, s.sysenter_eip};
    for (int i = 0; i < 3; ++i) {
      msrs.entry[i].index = kSysenterMsrs[i];
      msrs.entry[i].data = values[i];
    }
    if (kvm_ioctl(vcpu_, kSetMsrs, &msrs) != 3) kvm_failed("setting the SYSENTER registers");
  }
  if (s.dr != loaded_.dr) {
    kvm_debugregs debug{};
    for (int i = 0; i < 4; ++i) debug.db[i] = s.dr[i];
    debug.dr6 = s.dr[6];
    debug.dr7 = s.dr[7];
    if (kvm_ioctl(vcpu_, KVM_SET_DEBUGREGS, &debug) < 0) kvm_failed("setting the debug registers");
  }
}

}  // namespace ringside
