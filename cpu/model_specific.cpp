// What differs between processor models: CPUID, model-specific registers, the time-stamp counter, SYSENTER.
//
// Modelled: CPUID (cpu/cpuid.h); the MSRs that 32-bit kernels touch (cpu/msr.h) and the time-stamp counter;
// fast system calls.
// Simplified: PERF and MTRR registers are absent; an MSR that does not exist is #GP.
// Manual: Intel SDM vol. 2 (CPUID, RDMSR, WRMSR, RDTSC, SYSENTER, SYSEXIT), vol. 4 (MSRs).
#include "cpu/cpuid.h"
#include "cpu/descriptor_access.h"
#include "cpu/msr.h"
#include "cpu/noted_core.h"

namespace ringside {
namespace {

bool has_cpuid(const Core& core) { return core.config.model >= CpuModel::Pentium; }
bool is_p6(const Core& core) { return core.config.model >= CpuModel::P6; }

u64 time_stamp(const Core& core) {
  return core.bus.read_tsc() + core.s.tsc_adjust + (core.non_root() ? core.vmcs->tsc_offset : 0);
}

bool msr_access(Core& core) {
  if (!has_cpuid(core)) return core.raise(vector::UD);
  return core.s.cpl() == 0 || core.raise(vector::GP, 0);
}

void load_flat(SegmentRegister& r, u32 selector, u32 type, u32 dpl) {
  using namespace access_rights;
  r = {static_cast<u16>(selector), type | kS | dpl << 5 | kPresent | kBig | kGranularity, 0, 0xFFFFFFFF};
}

}  // namespace

bool cpuid(Core& core, u8 length) {
  if (!has_cpuid(core)) return core.raise(vector::UD);
  if (core.non_root()) return core.exit(exits::Cpuid{length});
  auto& gpr = core.s.gpr;
  const CpuidResult leaf = cpuid_leaf(core.config.model, gpr[EAX], gpr[ECX], core.s.apic_base);
  gpr[EAX] = leaf.eax;
  gpr[EBX] = leaf.ebx;
  gpr[ECX] = leaf.ecx;
  gpr[EDX] = leaf.edx;
  return true;
}

bool rdmsr(Core& core, u8 length) {
  if (!msr_access(core)) return false;
  if (core.non_root()) return core.exit(exits::Rdmsr{length});
  const u32 index = core.s.gpr[ECX];
  u64 value = time_stamp(core);
  if (index != msr::kTsc && !read_msr(core.config.model, core.s, index, value)) {
    notes(core).missing_msr(index, false);
    return core.raise(vector::GP, 0);
  }
  core.s.gpr[EAX] = static_cast<u32>(value);
  core.s.gpr[EDX] = static_cast<u32>(value >> 32);
  return true;
}

bool wrmsr(Core& core, u8 length) {
  if (!msr_access(core)) return false;
  if (core.non_root()) return core.exit(exits::Wrmsr{length});
  const u64 value = u64{core.s.gpr[EDX]} << 32 | core.s.gpr[EAX];
  const u32 index = core.s.gpr[ECX];
  if (index == msr::kTsc) {
    core.s.tsc_adjust += value - time_stamp(core);
    return true;
  }
  if (!write_msr(core.config.model, core.s, index, value)) {
    notes(core).missing_msr(index, true);
    return core.raise(vector::GP, 0);
  }
  if (index == msr::kApicBase) core.bus.apic_base_written(value);
  return true;
}

bool rdtsc(Core& core, u8 length) {
  if (!has_cpuid(core)) return core.raise(vector::UD);
  if (core.s.cpl() != 0 && (core.s.cr4 & cr4::TSD)) return core.raise(vector::GP, 0);
  if (core.non_root() && core.vmcs->rdtsc_exiting) return core.exit(exits::Rdtsc{length});
  const u64 now = time_stamp(core);
  core.s.gpr[EAX] = static_cast<u32>(now);
  core.s.gpr[EDX] = static_cast<u32>(now >> 32);
  return true;
}

bool sysenter(Core& core) {
  CpuState& s = core.s;
  if (!is_p6(core)) return core.raise(vector::UD);
  if (!s.protected_mode() || null_selector(static_cast<u16>(s.sysenter_cs))) return core.raise(vector::GP, 0);
  if (core.deprivileged)  // ring 0 is the monitor's
    return core.exit(exits::MonitorEntry{Event{vector::GP, EventType::HardwareException, true, 0}, 0});
  const u32 selector = s.sysenter_cs & 0xFFFC;
  s.eflags &= ~(eflags::VM | eflags::IF | eflags::RF);
  load_flat(s.seg[CS], selector, 11, 0);
  load_flat(s.seg[SS], selector + 8, 3, 0);
  s.gpr[ESP] = s.sysenter_esp;
  s.eip = s.sysenter_eip;
  core.counters.sysenters++;
  return true;
}

bool sysexit(Core& core) {
  CpuState& s = core.s;
  if (!is_p6(core)) return core.raise(vector::UD);
  if (!s.protected_mode() || s.cpl() != 0 || null_selector(static_cast<u16>(s.sysenter_cs)))
    return core.raise(vector::GP, 0);
  const u32 selector = s.sysenter_cs & 0xFFFC;
  load_flat(s.seg[CS], (selector + 16) | 3, 11, 3);
  load_flat(s.seg[SS], (selector + 24) | 3, 3, 3);
  s.gpr[ESP] = s.gpr[ECX];
  s.eip = s.gpr[EDX];
  return true;
}

}  // namespace ringside
