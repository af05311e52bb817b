// Instructions that touch the system: interrupt flag, HLT, descriptor-table registers, caches, ports,
// VMCALL; and what becomes of the sensitive ones outside ring 0.
//
// Modelled: IOPL, the I/O permission bitmap (multi-byte, virtual-8086), CR4.UMIP, the intercepts of non-root
// operation, the policy of CpuConfig::sensitive in a de-privileged guest.
// Manual: Intel SDM vol. 2 (each instruction), vol. 1 ch. 19 (I/O protection), vol. 3 section 26.1.3
// (intercepts); Robin & Irvine 2000 (the sensitive instructions).
#include "cpu/flags_access.h"
#include "cpu/noted_core.h"

namespace ringside {
namespace {

bool privileged(Core& core) { return core.s.cpl() == 0 || core.raise(vector::GP, 0); }

/// CLI, STI, PUSHF, POPF: in virtual-8086 mode all need IOPL 3; CLI and STI need CPL <= IOPL elsewhere.
bool v86_needs_iopl(Core& core) {
  return !core.s.virtual_8086() || iopl(core.s) == 3 || core.raise(vector::GP, 0);
}
bool may_change_if(Core& core) { return core.s.cpl() <= iopl(core.s) || core.raise(vector::GP, 0); }

bool intercepts_tables(const Core& core) { return core.non_root() && core.vmcs->descriptor_table_exiting; }

/// UMIP hides where the tables are from all rings but 0.
bool may_see_tables(Core& core) {
  return core.s.cpl() == 0 || !(core.s.cr4 & cr4::UMIP) || core.raise(vector::GP, 0);
}

constexpr std::size_t kMaxSilentPlaces = 1024;

/// Remembers the place. A guest that has more of them than anyone would read keeps the first ones.
void record_silent(Core& core, u16 opcode, u8 modrm_reg) {
  const u32 eip = core.s.eip;
  for (SilentSensitive& place : core.silent)
    if (place.eip == eip && place.opcode == opcode && place.modrm_reg == modrm_reg) {
      place.count++;
      return;
    }
  if (core.silent.size() < kMaxSilentPlaces)
    core.silent.push_back({eip, opcode, modrm_reg, 1, core.owner.retired()});
}

constexpr u16 kPushf = 0x9C, kPopf = 0x9D, kIret = 0xCF, kLar = 0x0F02, kLsl = 0x0F03, kGroup6 = 0x0F00,
              kGroup7 = 0x0F01;

/// SLDT, STR, SGDT, SIDT, SMSW tell any ring about the real machine; the others matter to a kernel only.
bool tells_every_ring(u16 opcode, u8 modrm_reg) {
  return (opcode == kGroup6 && modrm_reg < 2) || opcode == kGroup7;
}

/// For a user, too, PUSHF, POPF and IRET see or set an interrupt flag that is the monitor's, and LAR, LSL,
/// VERR and VERW look at descriptor tables that are. Real x86 lets them pass; a virtualizable one lets them
/// trap in every ring. What is left, reading CS and SS, tells a user the truth.
bool depends_on_more_than_the_ring(u16 opcode) {
  return opcode == kPushf || opcode == kPopf || opcode == kIret || opcode == kLar || opcode == kLsl ||
         opcode == kGroup6;
}

/// Whether loading `image` would drop changes that ring 0 could make.
/// A kernel in ring 1 or 2 believes in an IF of its own: whatever it pops, the processor's IF is not what it
/// meant.
bool drops_changes(const CpuState& s, u32 image) {
  if (s.cpl() == 1 || s.cpl() == 2) return true;
  const u32 changed = s.eflags ^ image;
  return ((changed & eflags::IF) && s.cpl() > iopl(s)) || (changed & eflags::IOPL);
}

}  // namespace

bool sensitive(Core& core, u16 opcode, u8 modrm_reg) {
  if (!core.deprivileged) return true;
  const u32 cpl = core.s.cpl();
  const bool traps = core.config.sensitive == SensitiveInstructions::Trap;
  const bool shows_more =
      tells_every_ring(opcode, modrm_reg) || (traps && depends_on_more_than_the_ring(opcode));
  if (cpl == 0 || (cpl == 3 && !shows_more)) return true;
  if (traps) return core.raise(vector::GP, 0);
  record_silent(core, opcode, modrm_reg);
  if (notes(core).before_silent) notes(core).before_silent(opcode, modrm_reg);
  return true;
}

bool sensitive_iret(Core& core, u32 flags) {
  const bool traps = core.config.sensitive == SensitiveInstructions::Trap;
  return (!traps && !drops_changes(core.s, flags)) || sensitive(core, kIret, 0);
}

bool cli(Core& core) {
  if (!may_change_if(core)) return false;
  core.s.eflags &= ~eflags::IF;
  return true;
}

bool sti(Core& core) {
  if (!may_change_if(core)) return false;
  if (!(core.s.eflags & eflags::IF)) core.s.sti_shadow = true;
  core.s.eflags |= eflags::IF;
  return true;
}

bool pushf_image(Core& core, bool operand32, u32& image) {
  if (!v86_needs_iopl(core) || !sensitive(core, kPushf, 0)) return false;
  image = core.s.eflags & ~(eflags::VM | eflags::RF);
  if (!operand32) image &= 0xFFFF;
  return true;
}

bool popf(Core& core, bool operand32, u32 image) {
  CpuState& s = core.s;
  if (!v86_needs_iopl(core)) return false;
  const bool traps = core.config.sensitive == SensitiveInstructions::Trap;
  if ((traps || drops_changes(s, image)) && !sensitive(core, kPopf, 0)) return false;
  u32 mask = existing_flags(core.config.model) & ~(eflags::VM | eflags::RF);
  if (s.cpl() != 0) mask &= ~eflags::IOPL;
  if (s.cpl() > iopl(s)) mask &= ~eflags::IF;
  if (!operand32) mask &= 0xFFFF;
  s.eflags = (s.eflags & ~mask & ~eflags::RF) | (image & mask);
  return true;
}

bool hlt(Core& core, u8 length) {
  if (!privileged(core)) return false;
  if (core.non_root() && core.vmcs->hlt_exiting) return core.exit(exits::Hlt{length});
  core.s.halted = true;
  return true;
}

bool wbinvd(Core& core, u8 length) {
  if (core.config.model < CpuModel::I486) return core.raise(vector::UD);
  if (!privileged(core)) return false;
  if (core.non_root() && core.vmcs->wbinvd_exiting) return core.exit(exits::Wbinvd{length});
  return true;  // there are no caches to write back
}

bool invlpg(Core& core, LinearAddr address, u8 length) {
  if (core.config.model < CpuModel::I486) return core.raise(vector::UD);
  if (!privileged(core)) return false;
  if (core.non_root() && core.vmcs->invlpg_exiting) return core.exit(exits::Invlpg{address, length});
  core.counters.invlpgs++;
  invalidate_translation(core, address);
  return true;
}

bool vmcall(Core& core, u8 length) {
  return core.non_root() ? core.exit(exits::Vmcall{length}) : core.raise(vector::UD);
}

bool load_descriptor_table(Core& core, bool idt, TableRegister value, u8 length) {
  if (!privileged(core)) return false;
  if (intercepts_tables(core)) return core.exit(exits::DescriptorTableAccess{length});
  (idt ? core.s.idtr : core.s.gdtr) = value;
  return true;
}

bool store_descriptor_table(Core& core, bool idt, TableRegister& value, u8 length) {
  if (!may_see_tables(core)) return false;
  if (intercepts_tables(core)) return core.exit(exits::DescriptorTableAccess{length});
  if (!sensitive(core, kGroup7, idt ? 1 : 0)) return false;
  value = idt ? core.s.idtr : core.s.gdtr;
  return true;
}

bool store_system_selector(Core& core, bool tr, u16& value, u8 length) {
  if (!core.s.protected_mode() || core.s.virtual_8086()) return core.raise(vector::UD);
  if (!may_see_tables(core)) return false;
  if (intercepts_tables(core)) return core.exit(exits::DescriptorTableAccess{length});
  if (!sensitive(core, kGroup6, tr ? 1 : 0)) return false;
  value = (tr ? core.s.tr : core.s.ldtr).selector;
  return true;
}

namespace {

/// SDM vol. 1 section 19.5.2. Two bytes are read, since the bits of one access may straddle them.
bool io_bitmap_permits(Core& core, u16 port, u8 size) {
  const SegmentRegister& tr = core.s.tr;
  constexpr u32 kMapBase = 0x66;
  if (!tr.usable() || !(tr.type() & 8) || kMapBase + 1 > tr.limit) return core.raise(vector::GP, 0);
  u16 base, bits;
  if (!read_linear(core, LinearAddr(tr.base + kMapBase), base, false)) return false;
  const u32 at = base + port / 8u;
  if (at + 1 > tr.limit) return core.raise(vector::GP, 0);
  if (!read_linear(core, LinearAddr(tr.base + at), bits, false)) return false;
  return !(bits >> (port & 7) & ((1u << size) - 1)) || core.raise(vector::GP, 0);
}

bool intercepts_port(const Vmcs& vmcs, u16 port, u8 size) {
  if (!vmcs.use_io_bitmaps) return vmcs.unconditional_io_exiting;
  if (port + size > 0x10000) return true;  // wraps round the end of the port space
  for (u32 p = port; p < port + u32{size}; p++)
    if (vmcs.io_bitmap[p / 8] >> (p & 7) & 1) return true;
  return false;
}

}  // namespace

bool check_io(Core& core, u16 port, u8 size, bool in, bool string, bool rep, LinearAddr linear, u8 length) {
  const CpuState& s = core.s;
  const bool by_bitmap = s.protected_mode() && (s.virtual_8086() || s.cpl() > iopl(s));
  if (by_bitmap && !io_bitmap_permits(core, port, size)) return false;
  if (core.non_root() && intercepts_port(*core.vmcs, port, size))
    return core.exit(exits::IoInstruction{port, size, in, string, rep, linear, length});
  return true;
}

}  // namespace ringside
