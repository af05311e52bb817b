// The architectural state of one processor, as plain copyable data.
//
// Modelled: what a guest (or a monitor, or a snapshot) can observe of an IA-32 integer processor. Hidden parts of
// segment registers are explicit, in the layout that the VMCS uses for access rights.
// Simplified: no x87/SSE state yet; the MSRs are those that 32-bit kernels touch.
// Manual: Intel SDM vol. 1 ch. 3 (registers), vol. 3 ch. 2 (system registers), vol. 3 section 25.4.1 (access rights).
#pragma once

#include <array>

#include "cpu/address.h"

namespace ringside {

enum Gpr : u8 { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };
enum Seg : u8 { ES, CS, SS, DS, FS, GS };

namespace eflags {
inline constexpr u32 CF = 1u << 0, PF = 1u << 2, AF = 1u << 4, ZF = 1u << 6, SF = 1u << 7, TF = 1u << 8,
                     IF = 1u << 9, DF = 1u << 10, OF = 1u << 11, IOPL = 3u << 12, NT = 1u << 14, RF = 1u << 16,
                     VM = 1u << 17, AC = 1u << 18, VIF = 1u << 19, VIP = 1u << 20, ID = 1u << 21;
inline constexpr u32 kFixedOne = 1u << 1;
inline constexpr u32 kArithmetic = CF | PF | AF | ZF | SF | OF;
}  // namespace eflags

namespace cr0 {
inline constexpr u32 PE = 1u << 0, MP = 1u << 1, EM = 1u << 2, TS = 1u << 3, ET = 1u << 4, NE = 1u << 5,
                     WP = 1u << 16, AM = 1u << 18, NW = 1u << 29, CD = 1u << 30, PG = 1u << 31;
}
namespace cr4 {
inline constexpr u32 VME = 1u << 0, PVI = 1u << 1, TSD = 1u << 2, DE = 1u << 3, PSE = 1u << 4, PAE = 1u << 5,
                     MCE = 1u << 6, PGE = 1u << 7, PCE = 1u << 8, OSFXSR = 1u << 9, OSXMMEXCPT = 1u << 10,
                     UMIP = 1u << 11;
}

/// Access rights of a segment in VMCS format: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 14 D/B, 15 G, 16 unusable.
namespace access_rights {
inline constexpr u32 kAccessed = 1u << 0, kWritableOrReadable = 1u << 1, kExpandDownOrConforming = 1u << 2,
                     kCode = 1u << 3, kS = 1u << 4, kPresent = 1u << 7, kBig = 1u << 14, kGranularity = 1u << 15,
                     kUnusable = 1u << 16;
}

/// A segment register with its hidden part. `limit` is in bytes, already scaled by G.
struct SegmentRegister {
  u16 selector = 0;
  u32 access = access_rights::kUnusable;
  u32 base = 0;
  u32 limit = 0;

  constexpr bool usable() const { return !(access & access_rights::kUnusable); }
  constexpr u32 type() const { return access & 15; }
  constexpr u32 dpl() const { return (access >> 5) & 3; }
  constexpr bool present() const { return access & access_rights::kPresent; }
  constexpr bool code() const { return access & access_rights::kCode; }
  constexpr bool big() const { return access & access_rights::kBig; }
  bool operator==(const SegmentRegister&) const = default;
};

/// GDTR or IDTR.
struct TableRegister {
  u32 base = 0;
  u16 limit = 0;
  bool operator==(const TableRegister&) const = default;
};

/// Everything that survives between two instructions. Copy it to save the processor, assign it to restore.
struct CpuState {
  std::array<u32, 8> gpr{};
  u32 eip = 0;
  u32 eflags = eflags::kFixedOne;
  std::array<SegmentRegister, 6> seg{};
  SegmentRegister ldtr, tr;
  TableRegister gdtr, idtr;
  u32 cr0 = cr0::ET, cr2 = 0, cr3 = 0, cr4 = 0;
  std::array<u32, 8> dr{0, 0, 0, 0, 0, 0, 0xFFFF0FF0u, 0x400u};
  u32 sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0;
  u64 tsc_adjust = 0;  ///< what WRMSR to the time-stamp counter added
  u64 apic_base = 0, pat = 0x0007040600070406ull, misc_enable = 1;
  bool halted = false;
  /// Interrupts are held off for one instruction: after STI, and after MOV SS / POP SS (which also holds #DB and NMI).
  bool sti_shadow = false, mov_ss_shadow = false;

  u32 cpl() const { return eflags & eflags::VM ? 3 : (cr0 & cr0::PE ? seg[SS].dpl() : 0); }
  bool protected_mode() const { return cr0 & cr0::PE; }
  bool paging() const { return cr0 & cr0::PG; }
  bool virtual_8086() const { return eflags & eflags::VM; }
  bool operator==(const CpuState&) const = default;
};

/// The state after RESET: real mode at F000:FFF0 with CS base FFFF0000h (SDM vol. 3 table 10-1).
CpuState reset_state();

/// A flat 32-bit protected-mode state with paging and interrupts off, as Multiboot 1 section 3.2 hands over.
CpuState flat_protected_state(u32 eip);

}  // namespace ringside
