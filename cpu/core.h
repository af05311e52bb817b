// What the processor's own source files share. Not for use outside cpu/.
//
// Convention for everything that can fault: a function returns false after recording in `core.fault` what to
// raise, and leaves the architectural state as it was before the instruction (restartable). Nothing throws.
#pragma once

#include <atomic>
#include <cstring>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/descriptor.h"
#include "cpu/execution.h"
#include "cpu/fpu_state.h"
#include "cpu/paging.h"
#include "cpu/tlb.h"
#include "cpu/transfer_memo.h"

namespace ringside {

/// What stopped the current instruction: an event to deliver, or an exit to return from run().
struct Fault {
  enum class Kind : u8 { None, Exception, Exit } kind = Kind::None;
  Event event;   ///< Kind::Exception
  u32 cr2 = 0;   ///< for #PF: loaded into CR2 when (and if) the event is delivered architecturally
  CpuExit exit;  ///< Kind::Exit
};

class BlockCache;

struct Cpu::Core {
  Core(Cpu& owner, MachineMemory& memory, Bus& bus, CpuConfig config);
  ~Core();

  CpuState s;
  Execution x;  ///< near `s`, so that one base register reaches both with short displacements
  Cpu& owner;
  MachineMemory& memory;
  Bus& bus;
  CpuConfig config;
  CpuCounters counters;
  bool deprivileged = false;
  Vmcs* vmcs = nullptr;
  std::optional<Event> injected;
  std::atomic<bool> stop_requested{false};
  bool interrupt_line = false;
  u64 address_mask = ~u64{0};  ///< which bits of a physical address reach the bus: all, unless A20 is off
  Fault fault;
  Tlb tlb;
  TransferMemo memo;
  std::unique_ptr<TlbModel> tlb_model;  ///< if CpuConfig::tlb asks for one
  std::unique_ptr<BlockCache> blocks;
  std::vector<SilentSensitive> silent;
  DebugPoints debug;
  FpuState fpu;  ///< at the end: integer code never looks at it

  bool non_root() const { return vmcs != nullptr; }
  bool user() const { return s.cpl() == 3; }
  u64 retired() const;  ///< exact also while an instruction executes
  /// Instructions and elements of REP that the budget still pays for; exact as retired() is.
  u64 budget_left() const {
    const u64 spent = retired() + counters.rep_iterations;
    return x.budget_end > spent ? x.budget_end - spent : 0;
  }

  // -- raising; each returns false so that a handler can `return core.raise(...)`
  bool raise(u8 vector);
  bool raise(u8 vector, u32 error_code);
  bool raise_page_fault(u32 error_code, LinearAddr address);
  bool exit(CpuExit e);
};

using Core = Cpu::Core;

// ---- cpu/linear_memory.cpp: access by linear address. Page crossing, MMIO and TLB fill are handled in the
// slow part. `user` is the privilege for U/S; system structures (GDT, IDT, TSS) are read as supervisor
// whatever the CPL.
template <class T>
bool read_linear_slow(Core&, LinearAddr, T& value, bool user);
template <class T>
bool write_linear_slow(Core&, LinearAddr, T value, bool user);

template <class T>
inline bool read_linear(Core& core, LinearAddr address, T& value, bool user) {
  const TlbEntry& e = core.tlb.entry(address, user);
  if (e.read_tag != ((address.value + (sizeof(T) - 1)) & ~kPageMask))
    return read_linear_slow(core, address, value, user);
  std::memcpy(&value, reinterpret_cast<const u8*>(e.host_minus_linear + address.value), sizeof(T));
  return true;
}
template <class T>
inline bool write_linear(Core& core, LinearAddr address, T value, bool user) {
  const TlbEntry& e = core.tlb.entry(address, user);
  if (e.write_tag != ((address.value + (sizeof(T) - 1)) & ~kPageMask))
    return write_linear_slow(core, address, value, user);
  std::memcpy(reinterpret_cast<u8*>(e.host_minus_linear + address.value), &value, sizeof(T));
  return true;
}
/// Both pages of a coming read-modify-write or multi-word push are present and writable; nothing is written.
bool check_writable(Core&, LinearAddr, u32 bytes, bool user);
/// Fills the TLB for `address`, raising #PF or an EPT exit. On success the entry for the page holds.
bool fill_tlb(Core&, LinearAddr, Access, bool user);
/// The same at the current privilege if the TLB has nothing of the page, the walk is of the usual kind, and
/// no fault comes of it. True: the fast path can use the entry. False: the general way to memory is to be
/// taken.
template <Access access>
bool refill_tlb(Core&, LinearAddr);
/// Instruction fetch: the machine address of the code byte, or a fault.
bool translate_code(Core&, LinearAddr, MachinePhys& physical);
/// The translation of `address` for a monitor's or debugger's eyes: no fault, no A/D bits, no counting.
std::optional<MachinePhys> peek_translation(Core&, LinearAddr, bool user);
/// Whether EFLAGS.AC and CR0.AM ask for #AC at CPL 3. While they do, no page has tags for user accesses.
inline bool alignment_checked(const Core& core) {
  return (core.s.eflags & eflags::AC) && (core.s.cr0 & cr0::AM);
}
/// Withholds the tags of the user's pages or gives them back, when alignment_checked() at CPL 3 has changed.
void set_user_tags(Core&, bool given);
/// Drops translations, those of instruction fetch included. Global pages survive if `keep_global`.
void flush_tlb(Core&, bool keep_global);
void invalidate_translation(Core&, LinearAddr);
/// The modelled TLB has lost a page: so must this one. `code`: its instruction half.
void evict_translation(Core&, const TlbModel::Victim&, bool code);

// ---- cpu/block_cache.cpp: what the memory half must tell the cache of decoded code.
/// Whether decoded code lies in the RAM page: then its TLB entries get kTlbCode and no write tag.
bool holds_code(const Core&, MachinePhys page);
/// A store is about to change (or has changed) these bytes of a page with kTlbCode. Decoded code that
/// overlaps is forgotten, also the block that is executing: its next instruction is fetched anew.
void code_written(Core&, MachinePhys, u32 bytes);
/// The translation of one page (INVLPG) or of all pages (CR3 write, flush) was dropped. Instruction fetch
/// keeps translations of its own, by page and privilege, and asks translate_code() only when it has none.
void drop_code_translation(Core&, LinearAddr page);
void drop_code_translations(Core&);

// ---- cpu/segmentation.cpp
/// Segment + offset to linear, with limit, type and present checks; #GP(0), or #SS(0) through SS.
bool segment_address(Core&, Seg, u32 offset, u32 bytes, Access, LinearAddr& linear);
bool load_segment(Core&, Seg, u16 selector);  ///< MOV/POP/LDS to a data or stack segment; not CS
bool load_ldtr(Core&, u16 selector, u8 length);
bool load_tr(Core&, u16 selector, u8 length);
/// `return_eip`: of the next instruction; a task switch saves it, a call pushes it.
bool far_jump(Core&, u16 selector, u32 offset, bool operand32, u32 return_eip);
bool far_call(Core&, u16 selector, u32 offset, bool operand32, u32 return_eip);
bool far_return(Core&, bool operand32, u16 release_bytes);
/// LAR, LSL, VERR, VERW. False in `ok` (ZF=0) when the selector is not accessible; these do not fault for it.
bool lar(Core&, u16 selector, u32& rights, bool& ok);
bool lsl(Core&, u16 selector, u32& limit, bool& ok);
bool verify_segment(Core&, u16 selector, bool write, bool& ok);

// ---- cpu/interrupts.cpp
/// Delivers through the IDT (real, protected or virtual-8086 mode; task gates too), or, in non-root operation
/// and de-privileged mode, turns the event into an exit. Handles contributory faults up to #DF and shutdown.
/// Returns false if it ended in an exit (core.fault.exit).
bool deliver_event(Core&, const Event&, u32 cr2);
/// An event that the monitor injects (VM-entry injection, Cpu::inject): as deliver_event, but in non-root
/// operation the exception bitmap does not apply to the event itself, and CR2 stays as the monitor left it.
bool deliver_injected(Core&, const Event&);
bool software_interrupt(Core&, u8 vector, EventType type, u8 instruction_length);
bool iret(Core&, bool operand32, u32 return_eip);

// ---- cpu/system.cpp: control and debug registers, MSRs, descriptor-table registers, I/O permission, VMX
// intercepts. `length` is the instruction's, for exits.
bool mov_to_cr(Core&, u8 cr, Gpr source, u8 length);
bool mov_from_cr(Core&, u8 cr, Gpr destination, u8 length);
bool clts(Core&, u8 length);
bool lmsw(Core&, u16 value, u8 length);
bool smsw(Core&, u32& value, u8 length);
bool mov_to_dr(Core&, u8 dr, Gpr source, u8 length);
bool mov_from_dr(Core&, u8 dr, Gpr destination, u8 length);
bool load_descriptor_table(Core&, bool idt, TableRegister value, u8 length);
bool store_descriptor_table(Core&, bool idt, TableRegister& value, u8 length);
bool store_system_selector(Core&, bool tr, u16& value, u8 length);
bool invlpg(Core&, LinearAddr, u8 length);
bool rdmsr(Core&, u8 length);
bool wrmsr(Core&, u8 length);
bool rdtsc(Core&, u8 length);
bool cpuid(Core&, u8 length);
/// An unmasked x87 error waits, and an instruction must not go on before it is dealt with: #MF, or FERR#.
bool report_numeric_error(Core&);
bool hlt(Core&, u8 length);
bool wbinvd(Core&, u8 length);
bool vmcall(Core&, u8 length);
bool sysenter(Core&);
bool sysexit(Core&);
bool cli(Core&);
bool sti(Core&);
bool pushf_image(Core&, bool operand32,
                 u32& image);  ///< what PUSHF pushes, after privilege and policy checks
bool popf(Core&, bool operand32, u32 image);
/// Privilege (IOPL, TSS bitmap) and VMX intercept of a port access. For strings pass the operand's linear
/// address.
bool check_io(Core&, u16 port, u8 size, bool in, bool string, bool rep, LinearAddr linear, u8 length);
/// Called before a sensitive unprivileged instruction executes outside ring 0 of a de-privileged guest:
/// raises #GP(0) under SensitiveInstructions::Trap, records it in core.silent under Leak.
bool sensitive(Core&, u16 opcode, u8 modrm_reg);
/// Applies a new CR0/CR3/CR4 (already checked): TLB flush, mode change.
void apply_cr0(Core&, u32 value);
void apply_cr3(Core&, u32 value);
void apply_cr4(Core&, u32 value);

// ---- cpu/task_switch.cpp
enum class TaskSwitchSource : u8 { Call, Iret, Jump, Gate };
bool task_switch(Core&, u16 selector, TaskSwitchSource, std::optional<u32> error_code, u32 return_eip,
                 u32 ext = 0);

}  // namespace ringside
