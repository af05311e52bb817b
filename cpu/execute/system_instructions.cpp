// Instructions on control and debug registers, descriptor tables, MSRs and the processor as a whole. What
// they do is in system.cpp; here is how they take their operands.
#include <cstring>

#include "cpu/block_cache.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"
#include "cpu/x87/table.h"

namespace ringside {

namespace {

u8 length(const Insn& i) { return static_cast<u8>(i.length()); }

/// #GP(0) outside ring 0, before anything else.
template <Body body>
bool privileged(Insn& i, Core& c) {
  if (c.s.cpl() != 0) return c.raise(vector::GP, 0);
  return body(i, c);
}

// ---- control and debug registers

template <bool to_cr>
bool move_cr(Insn& i, Core& c) {
  const u8 cr = to_cr ? i.d : i.s;
  const Gpr gpr = static_cast<Gpr>(to_cr ? i.s : i.d);
  if (cr == 1 || cr > 4) return c.raise(vector::UD);
  return to_cr ? mov_to_cr(c, cr, gpr, length(i)) : mov_from_cr(c, cr, gpr, length(i));
}

template <bool to_dr>
bool move_dr(Insn& i, Core& c) {
  return to_dr ? mov_to_dr(c, i.d, static_cast<Gpr>(i.s), length(i))
               : mov_from_dr(c, i.s, static_cast<Gpr>(i.d), length(i));
}

bool clear_ts(Insn& i, Core& c) { return clts(c, length(i)); }

bool load_msw(Insn& i, Core& c) {
  u16 value;
  return load_rm<u16>(i, c, i.d, value) && lmsw(c, value, length(i));
}

/// To a register the whole operand size is written; to memory always 16 bits.
template <class T>
bool store_msw(Insn& i, Core& c) {
  u32 value;
  if (!smsw(c, value, length(i))) return false;
  if (i.memory()) return store_general<u16>(&i, &c, static_cast<u16>(value));
  set_register<T>(&c, i.d, static_cast<T>(value));
  return true;
}

// ---- descriptor tables

u32 second_field(const Insn& i, u32 offset) { return i.address16() ? (offset + 2) & 0xFFFF : offset + 2; }

template <bool idt, bool operand32>
bool load_table(Insn& i, Core& c) {
  const u32 at = effective_offset(i, c);
  const Seg seg = static_cast<Seg>(i.segment());
  TableRegister table;
  if (!load_at<u16>(c, seg, at, table.limit) || !load_at<u32>(c, seg, second_field(i, at), table.base))
    return false;
  if (!operand32) table.base &= 0xFFFFFF;
  return load_descriptor_table(c, idt, table, length(i));
}

template <bool idt>
bool store_table(Insn& i, Core& c) {
  TableRegister table;
  if (!store_descriptor_table(c, idt, table, length(i))) return false;
  const u32 at = effective_offset(i, c);
  const Seg seg = static_cast<Seg>(i.segment());
  LinearAddr first;
  if (!segment_address(c, seg, at, 6, Access::Write, first) || !check_writable(c, first, 6, c.user()))
    return false;
  return store_at<u16>(c, seg, at, table.limit) && store_at<u32>(c, seg, second_field(i, at), table.base);
}

bool invalidate(Insn& i, Core& c) {
  return invlpg(c, LinearAddr(c.s.seg[i.segment()].base + effective_offset(i, c)), length(i));
}

// ---- the rest

template <bool write>
bool msr(Insn& i, Core& c) {
  return write ? wrmsr(c, length(i)) : rdmsr(c, length(i));
}
bool time_stamp(Insn& i, Core& c) { return rdtsc(c, length(i)); }
/// The two counters exist and stand still.
bool read_counter(Insn&, Core& c) {
  if (c.s.cpl() != 0 && c.s.protected_mode() && !(c.s.cr4 & cr4::PCE)) return c.raise(vector::GP, 0);
  if (c.s.gpr[ECX] > 1) return c.raise(vector::GP, 0);
  c.s.gpr[EAX] = c.s.gpr[EDX] = 0;
  return true;
}
bool identify(Insn& i, Core& c) { return cpuid(c, length(i)); }
bool halt(Insn& i, Core& c) { return hlt(c, length(i)); }
bool write_back(Insn& i, Core& c) { return wbinvd(c, length(i)); }
bool call_monitor(Insn& i, Core& c) { return vmcall(c, length(i)); }
bool clear_interrupts(Insn&, Core& c) { return cli(c); }
bool set_interrupts(Insn&, Core& c) { return sti(c); }

bool pause_instruction(Insn& i, Core& c) {
  if (c.vmcs && c.vmcs->pause_exiting) return c.exit(exits::Pause{length(i)});
  return true;
}

bool wait(Insn&, Core& c) {
  constexpr u32 kBoth = cr0::MP | cr0::TS;
  if ((c.s.cr0 & kBoth) == kBoth) return c.raise(vector::NM);
  return (c.fpu.status & x87_status::ES) ? report_numeric_error(c) : true;
}

}  // namespace

Handler select_pause() { return cold<pause_instruction>; }

Handler select_mov_cr(const Decoded& d) {
  return d.row->argument ? system_step<privileged<move_cr<true>>> : system_step<privileged<move_cr<false>>>;
}
Handler select_mov_dr(const Decoded& d) {
  return d.row->argument ? system_step<privileged<move_dr<true>>> : system_step<privileged<move_dr<false>>>;
}
Handler select_clts(const Decoded&) { return system_step<privileged<clear_ts>>; }
Handler select_lmsw(const Decoded&) { return system_step<privileged<load_msw>>; }
Handler select_smsw(const Decoded& d) {
  return d.operand32 ? looking<store_msw<u32>> : looking<store_msw<u16>>;
}

Handler select_load_table(const Decoded& d) {
  if (d.row->argument)
    return d.operand32 ? system_step<privileged<load_table<true, true>>>
                       : system_step<privileged<load_table<true, false>>>;
  return d.operand32 ? system_step<privileged<load_table<false, true>>>
                     : system_step<privileged<load_table<false, false>>>;
}
Handler select_store_table(const Decoded& d) {
  return d.row->argument ? looking<store_table<true>> : looking<store_table<false>>;
}
Handler select_invlpg(const Decoded&) { return translation_step<privileged<invalidate>>; }
Handler select_msr(const Decoded& d) {
  return d.row->argument ? system_step<privileged<msr<true>>> : looking<privileged<msr<false>>>;
}
Handler select_rdtsc(const Decoded&) { return looking<time_stamp>; }
Handler select_rdpmc(const Decoded&) { return cold<read_counter>; }
Handler select_cpuid(const Decoded&) { return looking<identify>; }
Handler select_hlt(const Decoded&) { return system_step<privileged<halt>>; }
Handler select_wbinvd(const Decoded&) { return looking<privileged<write_back>>; }
Handler select_vmcall(const Decoded& d) { return d.rm == 1 ? system_step<call_monitor> : undefined_opcode; }
Handler select_interrupt_flag(const Decoded& d) {
  return d.row->argument ? system_step<set_interrupts> : looking<clear_interrupts>;
}
Handler select_x87(const Decoded& d) { return d.operand32 ? d.x87->run32 : d.x87->run16; }
Handler select_wait(const Decoded&) { return cold<wait>; }

}  // namespace ringside
