#include "hypervisor/trap/guest.h"

#include "cpu/cpuid.h"

namespace ringside {
namespace {

/// Of the guest's CR0 and CR4, what the real processor may have while the guest runs.
constexpr u32 kSharedCr0 = cr0::MP | cr0::EM | cr0::TS | cr0::AM;
constexpr u32 kOwnCr0 = cr0::PE | cr0::PG | cr0::WP | cr0::ET | cr0::NE;
constexpr u32 kSharedCr4 = cr4::DE | cr4::OSFXSR | cr4::OSXMMEXCPT | cr4::UMIP;
/// RDTSC faults in every ring of the guest: the real counter would show it the time that others used.
constexpr u32 kOwnCr4 = cr4::TSD;
constexpr u32 kKeptFlags = eflags::IF | eflags::IOPL;

}  // namespace

TrapGuest::TrapGuest(Host& host, ShadowPolicy policy)
    : host(host),
      area(host),
      paging(
          host.machine.ram(), host.frames, host.ledger, policy, area.directory_entry(),
          [this](std::optional<LinearAddr> a) {
            if (a)
              this->host.cpu.invalidate_page(*a);
            else
              flush_pending_ = true;
          },
          [this](GuestPhys a) { return this->host.machine.is_mmio(a); }),
      descriptors(area, paging) {
  host.machine.dma().written = [this](GuestPhys begin, u64 bytes) { memory_written(begin, bytes); };
}

void TrapGuest::begin(const CpuState& boot) {
  virt = boot;
  CpuState& r = real();
  r = boot;
  area.load(r);
  r.ldtr = {};
  set_flags(boot.eflags);
  for (int s = ES; s <= GS; ++s) set_segment(static_cast<Seg>(s), boot.seg[s], boot.cpl());
  apply_control_registers();
  host.cpu.set_deprivileged(true);
}

void TrapGuest::apply_control_registers() {
  CpuState& r = real();
  r.cr0 = (virt.cr0 & kSharedCr0) | kOwnCr0;
  r.cr4 = (virt.cr4 & kSharedCr4) | (has_cr4() ? kOwnCr4 : 0);
  r.cr3 = static_cast<u32>(paging.set_mode({.cr3 = virt.cr3, .cr0 = virt.cr0, .cr4 = virt.cr4}).value);
  flush_pending_ = true;
}

void TrapGuest::prepare_entry() {
  if (!flush_pending_) return;
  flush_pending_ = false;
  host.cpu.flush_tlb();
}

CpuState TrapGuest::state() const {
  const CpuState& r = real();
  CpuState s = virt;
  s.gpr = r.gpr;
  s.eip = r.eip;
  s.eflags = flags();
  for (int i = ES; i <= GS; ++i) s.seg[i] = segment(static_cast<Seg>(i));
  s.sti_shadow = interrupt_shadow;
  return s;
}

void TrapGuest::set_registers(const CpuState& s) {
  real().gpr = s.gpr;
  real().eip = s.eip;
  set_flags(s.eflags);
}

u32 TrapGuest::cpl() const {
  if (!protected_mode()) return 0;
  if (real().eflags & eflags::VM) return 3;
  const u32 ring = real().seg[SS].dpl();
  return ring == 3 ? 3 : ring == 2 ? inner_ring_ : 0;
}

u32 TrapGuest::flags() const {
  const u32 flags = (real().eflags & ~kKeptFlags) | (virt.eflags & kKeptFlags);
  return protected_mode() ? flags : flags & ~eflags::VM;
}

void TrapGuest::set_flags(u32 value) {
  virt.eflags = (value & kKeptFlags) | eflags::kFixedOne;
  // The real IF is always on: interrupts belong to the monitor. The real IOPL is 0: so do the ports.
  real().eflags = (value & ~kKeptFlags) | eflags::IF | eflags::kFixedOne;
  if (!protected_mode()) real().eflags |= eflags::VM;
}

u16 TrapGuest::selector(Seg s) const {
  const u16 raw = real().seg[s].selector;
  if (!protected_mode() || virtual_8086() || (s != CS && s != SS)) return raw;
  return static_cast<u16>((raw & ~3u) | cpl());
}

SegmentRegister TrapGuest::segment(Seg s) const {
  SegmentRegister g = real().seg[s];
  g.selector = selector(s);
  if (!protected_mode() || virtual_8086()) return g;
  if (const Descriptor* d = descriptors.original(g.selector)) {
    const SegmentRegister whole = segment_of(g.selector, *d);
    if (!g.usable() || whole.base == g.base) return whole;
  }
  if (!g.usable()) return g;
  const u32 guest_dpl = g.dpl() == 1 ? 0 : g.dpl() == 2 ? inner_ring_ : 3;
  g.access = (g.access & ~0x60u) | guest_dpl << 5;
  if (g.base == 0 && g.limit == kGuestTop) g.limit = ~u32{0};
  return g;
}

void TrapGuest::set_segment(Seg s, const SegmentRegister& guest, u32 ring) {
  SegmentRegister& r = real().seg[s];
  if (!protected_mode() || real().eflags & eflags::VM) {
    r = guest;
    return;
  }
  r = compress(guest);
  if (s != CS && s != SS) return;
  r.selector = compress_selector(guest.selector, ring);
  if (ring == 1 || ring == 2) inner_ring_ = static_cast<u8>(ring);
}

bool TrapGuest::raise(u8 vector) {
  fault = {Event{.vector = vector}};
  return false;
}

bool TrapGuest::raise(u8 vector, u32 error_code) {
  fault = {Event{.vector = vector, .has_error_code = true, .error_code = error_code}};
  return false;
}

// ---- control registers

bool TrapGuest::set_cr0(u32 value) {
  constexpr u32 k386 = cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::PG;
  constexpr u32 k486 = k386 | cr0::NE | cr0::WP | cr0::AM | cr0::NW | cr0::CD;
  value = (value & (host.cpu.config().model == CpuModel::I386 ? k386 : k486)) | cr0::ET;
  if (value & cr0::PG && !(value & cr0::PE)) return raise(vector::GP, 0);
  if (value & cr0::NW && !(value & cr0::CD)) return raise(vector::GP, 0);
  const u32 changed = value ^ virt.cr0;
  const u32 guest_flags = flags();
  virt.cr0 = value;
  if (changed & cr0::PE) {
    // Real mode is the real processor's virtual-8086 mode. The hidden parts stay until the next load, as on
    // hardware.
    set_flags(guest_flags);
    for (SegmentRegister& s : real().seg) {
      const u32 ring = value & cr0::PE ? real_ring(0) : 3;
      s.access = (s.access & ~0x60u) | ring << 5;
    }
    for (Seg s : {CS, SS}) {
      SegmentRegister& r = real().seg[s];
      if (value & cr0::PE) r.selector = compress_selector(r.selector, 0);
    }
    if (value & cr0::PE) real().seg[CS].access |= access_rights::kCode;
  }
  if (changed & (cr0::PE | cr0::PG | cr0::WP))
    apply_control_registers();
  else
    real().cr0 = (value & kSharedCr0) | kOwnCr0;
  return true;
}

void TrapGuest::set_cr3(u32 value) {
  virt.cr3 = value;
  if (!(virt.cr0 & cr0::PG)) return;
  apply_control_registers();
  descriptors.remapped([this](LinearAddr a) { return translate(a); });
}

bool TrapGuest::set_cr4(u32 value) {
  if (!has_cr4()) return raise(vector::UD);
  if (value & ~existing_cr4(host.cpu.config().model)) return raise(vector::GP, 0);
  if (value & cr4::PAE) {
    limitation = "the guest turns on PAE, which this monitor's shadow page tables do not cover";
    return false;
  }
  virt.cr4 = value;
  apply_control_registers();
  return true;
}

}  // namespace ringside
