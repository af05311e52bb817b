// What differs between processor models: CPUID, model-specific registers, the time-stamp counter, SYSENTER.
//
// Modelled: CPUID leaves 0, 1 and 7, saying exactly what exists here (no FPU, no local APIC yet); the MSRs
// that 32-bit kernels touch; fast system calls. Simplified: PERF and MTRR registers are absent; an MSR that
// does not exist is #GP. Manual: Intel SDM vol. 2 (CPUID, RDMSR, WRMSR, RDTSC, SYSENTER, SYSEXIT), vol. 4
// (MSRs).
#include "cpu/core.h"
#include "cpu/descriptor_access.h"

namespace ringside {
namespace {

bool has_cpuid(const Core& core) { return core.config.model >= CpuModel::Pentium; }
bool is_p6(const Core& core) { return core.config.model >= CpuModel::P6; }

struct Leaf {
  u32 eax, ebx, ecx, edx;
};

namespace feature {
constexpr u32 DE = 1u << 2, PSE = 1u << 3, TSC = 1u << 4, MSR = 1u << 5, PAE = 1u << 6, CX8 = 1u << 8,
              SEP = 1u << 11, PGE = 1u << 13, CMOV = 1u << 15, PAT = 1u << 16;
constexpr u32 kPentium = DE | PSE | TSC | MSR | CX8;
constexpr u32 kP6 = kPentium | PAE | SEP | PGE | CMOV | PAT;
constexpr u32 kUmip = 1u << 2;  // leaf 7, ECX
}  // namespace feature

Leaf cpuid_leaf(const Core& core, u32 leaf, u32 subleaf) {
  const u32 last = is_p6(core) ? 7 : 1;
  if (leaf > last) leaf = last;  // as Intel's processors do
  switch (leaf) {
    case 0: return {last, 0x676E6952, 0x36387820, 0x65646973};  // "Ring" "side" " x86" in EBX, EDX, ECX
    case 1: return is_p6(core) ? Leaf{0x633, 0, 0, feature::kP6} : Leaf{0x517, 0, 0, feature::kPentium};
    case 7: return {0, 0, subleaf == 0 ? feature::kUmip : 0, 0};
    default: return {0, 0, 0, 0};
  }
}

namespace msr {
constexpr u32 kTsc = 0x10, kApicBase = 0x1B, kSysenterCs = 0x174, kSysenterEsp = 0x175, kSysenterEip = 0x176,
              kMiscEnable = 0x1A0, kPat = 0x277;
}

u64 time_stamp(const Core& core) {
  return core.bus.read_tsc() + core.s.tsc_adjust + (core.non_root() ? core.vmcs->tsc_offset : 0);
}

bool read_msr(const Core& core, u32 index, u64& value) {
  const CpuState& s = core.s;
  if (index == msr::kTsc) {
    value = time_stamp(core);
    return true;
  }
  if (!is_p6(core)) return false;
  switch (index) {
    case msr::kApicBase: value = s.apic_base; return true;
    case msr::kSysenterCs: value = s.sysenter_cs; return true;
    case msr::kSysenterEsp: value = s.sysenter_esp; return true;
    case msr::kSysenterEip: value = s.sysenter_eip; return true;
    case msr::kMiscEnable: value = s.misc_enable; return true;
    case msr::kPat: value = s.pat; return true;
    default: return false;
  }
}

/// Each byte of the PAT names a memory type: 0, 1, 4, 5, 6 or 7.
bool valid_pat(u64 value) {
  for (u32 i = 0; i < 64; i += 8) {
    const u32 type = value >> i & 0xFF;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

bool write_msr(Core& core, u32 index, u64 value) {
  CpuState& s = core.s;
  if (index == msr::kTsc) {
    s.tsc_adjust += value - time_stamp(core);
    return true;
  }
  if (!is_p6(core)) return false;
  switch (index) {
    case msr::kApicBase: s.apic_base = value & 0xFFFFFF900ull; return !(value & ~0xFFFFFF900ull);
    case msr::kSysenterCs: s.sysenter_cs = static_cast<u32>(value); return true;
    case msr::kSysenterEsp: s.sysenter_esp = static_cast<u32>(value); return true;
    case msr::kSysenterEip: s.sysenter_eip = static_cast<u32>(value); return true;
    case msr::kMiscEnable: s.misc_enable = value; return true;
    case msr::kPat:
      if (!valid_pat(value)) return false;
      s.pat = value;
      return true;
    default: return false;
  }
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
  const Leaf leaf = cpuid_leaf(core, gpr[EAX], gpr[ECX]);
  gpr[EAX] = leaf.eax;
  gpr[EBX] = leaf.ebx;
  gpr[ECX] = leaf.ecx;
  gpr[EDX] = leaf.edx;
  return true;
}

bool rdmsr(Core& core, u8 length) {
  if (!msr_access(core)) return false;
  if (core.non_root()) return core.exit(exits::Rdmsr{length});
  u64 value;
  if (!read_msr(core, core.s.gpr[ECX], value)) return core.raise(vector::GP, 0);
  core.s.gpr[EAX] = static_cast<u32>(value);
  core.s.gpr[EDX] = static_cast<u32>(value >> 32);
  return true;
}

bool wrmsr(Core& core, u8 length) {
  if (!msr_access(core)) return false;
  if (core.non_root()) return core.exit(exits::Wrmsr{length});
  const u64 value = u64{core.s.gpr[EDX]} << 32 | core.s.gpr[EAX];
  return write_msr(core, core.s.gpr[ECX], value) || core.raise(vector::GP, 0);
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
