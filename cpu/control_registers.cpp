// Control and debug registers: which bits each model has, who may change them, and what non-root operation
// intercepts.
//
// Modelled: the #GP rules of MOV to CR0/CR4, PAE pointer checks, LMSW, SMSW, CLTS, DR4/DR5 aliases, DR7.GD;
// guest/host masks and read shadows.
// Manual: Intel SDM vol. 3 sections 2.5, 4.4.1, 18.2, 26.1.3, 26.3; vol. 2 (MOV to/from control and debug
// registers).
#include <cstring>

#include "cpu/core.h"
#include "cpu/cpuid.h"

namespace ringside {

u32 existing_cr4(CpuModel model) {
  const u32 pentium = cr4::TSD | cr4::DE | cr4::PSE;
  const u32 p6 = pentium | cr4::PAE | cr4::PGE | cr4::PCE | cr4::UMIP;
  return model == CpuModel::Pentium ? pentium
         : model == CpuModel::P6    ? p6
                                    : p6 | cr4::OSFXSR | cr4::OSXMMEXCPT;
}

namespace {

using Kind = exits::CrAccess::Kind;

bool privileged(Core& core) { return core.s.cpl() == 0 || core.raise(vector::GP, 0); }

u32 existing_cr0(CpuModel model) {
  constexpr u32 k386 = cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::ET | cr0::PG;
  return model == CpuModel::I386 ? k386 : k386 | cr0::NE | cr0::WP | cr0::AM | cr0::NW | cr0::CD;
}
bool has_cr4(const Core& core) { return core.config.model >= CpuModel::Pentium; }

u32 visible_cr0(const Core& core) {
  const CpuState& s = core.s;
  if (!core.non_root()) return s.cr0;
  const u32 mask = core.vmcs->cr0_guest_host_mask;
  return (s.cr0 & ~mask) | (core.vmcs->cr0_read_shadow & mask);
}

/// Section 4.4.1: the four PAE pointers must be well formed when they come into force.
bool check_pae_pointers(Core& core, u32 cr0_value, u32 cr3_value, u32 cr4_value) {
  if (!(cr0_value & cr0::PG) || !(cr4_value & cr4::PAE)) return true;
  if (core.non_root() && core.vmcs->enable_ept) return true;  // the walk finds out
  for (u32 i = 0; i < 4; i++) {
    const u8* p = core.memory.at(MachinePhys((cr3_value & ~31u) + i * 8), 8);
    if (!p) continue;
    u64 entry;
    std::memcpy(&entry, p, sizeof entry);
    if ((entry & pte::P) && (entry & paging_detail::kPointerReserved)) return core.raise(vector::GP, 0);
  }
  return true;
}

bool set_cr0(Core& core, u32 value) {
  value = (value & existing_cr0(core.config.model)) | cr0::ET;
  if ((value & cr0::PG) && !(value & cr0::PE)) return core.raise(vector::GP, 0);
  if ((value & cr0::NW) && !(value & cr0::CD)) return core.raise(vector::GP, 0);
  const bool enables = !(core.s.cr0 & cr0::PG);
  if (enables && !check_pae_pointers(core, value, core.s.cr3, core.s.cr4)) return false;
  apply_cr0(core, value);
  return true;
}

bool write_cr0(Core& core, u32 value, Gpr gpr, u8 length) {
  if (core.non_root()) {
    const u32 mask = core.vmcs->cr0_guest_host_mask;
    if ((value ^ core.vmcs->cr0_read_shadow) & mask)
      return core.exit(exits::CrAccess{0, Kind::MovTo, gpr, value, length});
    value = (value & ~mask) | (core.s.cr0 & mask);
  }
  return set_cr0(core, value);
}

bool write_cr3(Core& core, u32 value, Gpr gpr, u8 length) {
  if (core.non_root() && core.vmcs->cr3_load_exiting)
    return core.exit(exits::CrAccess{3, Kind::MovTo, gpr, value, length});
  if (!check_pae_pointers(core, core.s.cr0, value, core.s.cr4)) return false;
  core.counters.cr3_writes++;
  apply_cr3(core, value);
  return true;
}

bool write_cr4(Core& core, u32 value, Gpr gpr, u8 length) {
  if (!has_cr4(core)) return core.raise(vector::UD);
  if (core.non_root()) {
    const u32 mask = core.vmcs->cr4_guest_host_mask;
    if ((value ^ core.vmcs->cr4_read_shadow) & mask)
      return core.exit(exits::CrAccess{4, Kind::MovTo, gpr, value, length});
    value = (value & ~mask) | (core.s.cr4 & mask);
  }
  if (value & ~existing_cr4(core.config.model)) return core.raise(vector::GP, 0);
  if (((value ^ core.s.cr4) & (cr4::PAE | cr4::PSE | cr4::PGE)) &&
      !check_pae_pointers(core, core.s.cr0, core.s.cr3, value))
    return false;
  apply_cr4(core, value);
  return true;
}

}  // namespace

void apply_cr0(Core& core, u32 value) {
  const u32 changed = core.s.cr0 ^ value;
  core.s.cr0 = value;
  if (changed & (cr0::PG | cr0::WP | cr0::AM | cr0::PE)) flush_tlb(core, false);
}

void apply_cr3(Core& core, u32 value) {
  core.s.cr3 = value;
  flush_tlb(core, core.s.cr4 & cr4::PGE);
}

void apply_cr4(Core& core, u32 value) {
  const u32 changed = core.s.cr4 ^ value;
  core.s.cr4 = value;
  if (changed & (cr4::PSE | cr4::PAE | cr4::PGE)) flush_tlb(core, false);
}

bool mov_to_cr(Core& core, u8 cr, Gpr source, u8 length) {
  if (cr != 0 && cr != 2 && cr != 3 && cr != 4) return core.raise(vector::UD);
  if (cr == 4 && !has_cr4(core)) return core.raise(vector::UD);
  if (!privileged(core)) return false;
  const u32 value = core.s.gpr[source];
  switch (cr) {
    case 0: return write_cr0(core, value, source, length);
    case 2: core.s.cr2 = value; return true;
    case 3: return write_cr3(core, value, source, length);
    default: return write_cr4(core, value, source, length);
  }
}

bool mov_from_cr(Core& core, u8 cr, Gpr destination, u8 length) {
  if (cr != 0 && cr != 2 && cr != 3 && cr != 4) return core.raise(vector::UD);
  if (cr == 4 && !has_cr4(core)) return core.raise(vector::UD);
  if (!privileged(core)) return false;
  CpuState& s = core.s;
  u32& to = s.gpr[destination];
  switch (cr) {
    case 0: to = visible_cr0(core); return true;
    case 2: to = s.cr2; return true;
    case 3:
      if (core.non_root() && core.vmcs->cr3_store_exiting)
        return core.exit(exits::CrAccess{3, Kind::MovFrom, destination, 0, length});
      to = s.cr3;
      return true;
    default: {
      const u32 mask = core.non_root() ? core.vmcs->cr4_guest_host_mask : 0;
      to = (s.cr4 & ~mask) | (mask ? core.vmcs->cr4_read_shadow & mask : 0);
      return true;
    }
  }
}

bool clts(Core& core, u8 length) {
  if (!privileged(core)) return false;
  if (core.non_root() && (core.vmcs->cr0_guest_host_mask & cr0::TS)) {
    if (core.vmcs->cr0_read_shadow & cr0::TS)
      return core.exit(exits::CrAccess{0, Kind::Clts, EAX, 0, length});
    return true;  // already clear as the guest sees it
  }
  core.s.cr0 &= ~cr0::TS;
  return true;
}

bool lmsw(Core& core, u16 value, u8 length) {
  if (!privileged(core)) return false;
  constexpr u32 kWord = cr0::PE | cr0::MP | cr0::EM | cr0::TS;
  u32 bits = value & kWord;
  if (core.non_root()) {
    const u32 mask = core.vmcs->cr0_guest_host_mask, shadow = core.vmcs->cr0_read_shadow;
    const bool sets_pe = bits & ~shadow & mask & cr0::PE;
    if (sets_pe || ((bits ^ shadow) & mask & (kWord & ~cr0::PE)))
      return core.exit(exits::CrAccess{0, Kind::Lmsw, EAX, value, length});
    bits = (bits & ~mask) | (core.s.cr0 & mask & kWord);
  }
  return set_cr0(core, (core.s.cr0 & ~(kWord & ~cr0::PE)) | bits);  // PE can be set, never cleared
}

bool smsw(Core& core, u32& value, u8) {
  if (!sensitive(core, 0x0F01, 4)) return false;
  if (core.s.cpl() != 0 && (core.s.cr4 & cr4::UMIP)) return core.raise(vector::GP, 0);
  value = visible_cr0(core);
  return true;
}

namespace {

/// DR4 and DR5 are DR6 and DR7, unless CR4.DE. Then privilege, intercept, general detect.
bool check_dr(Core& core, u8& dr, bool to_dr, Gpr gpr, u8 length) {
  if (dr == 4 || dr == 5) {
    if (core.s.cr4 & cr4::DE) return core.raise(vector::UD);
    dr += 2;
  }
  if (!privileged(core)) return false;
  if (core.non_root() && core.vmcs->mov_dr_exiting) return core.exit(exits::MovDr{dr, to_dr, gpr, length});
  if (core.s.dr[7] & 0x2000) {
    core.s.dr[6] |= 0x2000;  // BD
    return core.raise(vector::DB);
  }
  return true;
}

}  // namespace

bool mov_to_dr(Core& core, u8 dr, Gpr source, u8 length) {
  if (!check_dr(core, dr, true, source, length)) return false;
  const u32 value = core.s.gpr[source];
  core.s.dr[dr] = dr == 6 ? (value & 0xE00F) | 0xFFFF0FF0 : dr == 7 ? (value & ~0xD800u) | 0x400 : value;
  return true;
}

bool mov_from_dr(Core& core, u8 dr, Gpr destination, u8 length) {
  if (!check_dr(core, dr, false, destination, length)) return false;
  core.s.gpr[destination] = core.s.dr[dr];
  return true;
}

}  // namespace ringside
