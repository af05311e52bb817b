// Manual: Intel SDM vol. 3 section 6.12, vol. 2 (INT n, IRET): the pseudo-code's usual path and no other.
#include "cpu/transfer_memo.h"

#include <cstring>

#include "cpu/flags_access.h"
#include "cpu/memo_access.h"

namespace ringside {
namespace {

/// A word where the fast path of an access at that privilege would find it; nullptr if that is not so.
template <class T>
const u8* hit(const TlbEntry* entries, u32 address, u32 bytes = sizeof(T)) {
  const TlbEntry& e = entries[Tlb::index(LinearAddr(address))];
  if (e.read_tag != ((address + (bytes - 1)) & ~kPageMask)) return nullptr;
  return reinterpret_cast<const u8*>(e.host_minus_linear + address);
}
u8* hit_to_write(TlbEntry* entries, u32 address, u32 bytes) {
  const TlbEntry& e = entries[Tlb::index(LinearAddr(address))];
  if (e.write_tag != ((address + (bytes - 1)) & ~kPageMask)) return nullptr;
  return reinterpret_cast<u8*>(e.host_minus_linear + address);
}
u32 word(const u8* p, u32 n) {
  u32 value;
  std::memcpy(&value, p + 4 * n, sizeof value);
  return value;
}
void put_word(u8* p, u32 n, u32 value) { std::memcpy(p + 4 * n, &value, sizeof value); }

/// Whether the 8 bytes at that place of a table are still the same.
bool unchanged(const Core& c, u32 base, u32 limit, u32 offset, u64 remembered) {
  if (offset + 7 > limit) return false;
  const u8* p = hit<u64>(c.tlb.supervisor.data(), base + offset);
  u64 now;
  if (!p) return false;
  std::memcpy(&now, p, sizeof now);
  return now == remembered;
}
bool unchanged_descriptor(const Core& c, u16 selector, u64 remembered) {
  return unchanged(c, c.s.gdtr.base, c.s.gdtr.limit, selector & ~7u, remembered);
}

u64 raw(const Descriptor& d) { return u64{d.high} << 32 | d.low; }

/// A 32-bit stack without limits, so that a frame needs no check of its own.
bool unlimited_stack(const SegmentRegister& r) {
  using namespace access_rights;
  constexpr u32 kKind = kUnusable | kCode | kExpandDownOrConforming | kBig;
  return r.limit == 0xFFFFFFFF && (r.access & kKind) == kBig;
}
constexpr bool in_ldt(u16 selector) { return selector & 4; }

/// Whether the data segments are all present for ring 3: nothing to drop on the way there.
bool for_everyone(const CpuState& s) {
  constexpr u32 kAsked = access_rights::kUnusable | 3 << 5, kRing3 = 3 << 5;
  const auto differs = [&](Seg seg) {
    const u32 access = s.seg[seg].access;
    return access & access_rights::kUnusable ? 0 : (access & kAsked) ^ kRing3;
  };
  return !(differs(DS) | differs(ES) | differs(FS) | differs(GS));
}

u32 gate_key(const Event& e, u32 cpl) {
  const bool asked = e.type == EventType::SoftwareInterrupt || e.type == EventType::SoftwareException;
  return e.vector | cpl << 8 | asked << 10;
}

bool usual_mode(const Core& c) { return c.s.protected_mode() && !c.s.virtual_8086() && !c.deprivileged; }

}  // namespace

void remember_gate(Core& c, const Event& e, u32 old_cpl, const Descriptor& gate, const Slot& code,
                   const Slot* stack) {
  const CpuState& s = c.s;
  const bool usual = (gate.type() & system_type::k32) && s.cpl() != 3 && e.vector != vector::DB &&
                     !in_ldt(s.seg[CS].selector) && !in_ldt(s.seg[SS].selector) && unlimited_stack(s.seg[SS]);
  if (!usual || !usual_mode(c)) return;
  const bool interrupt_gate = !(gate.type() & 1);
  const u32 cleared =
      eflags::TF | eflags::NT | eflags::RF | eflags::VM | (interrupt_gate ? u32{eflags::IF} : 0);
  c.memo.gate(e.vector) = {gate_key(e, old_cpl),
                           stack != nullptr,
                           raw(gate),
                           raw(code.d),
                           stack ? raw(stack->d) : 0,
                           s.seg[CS],
                           s.seg[SS],
                           gate_offset(gate),
                           cleared};
}

void remember_return(Core& c, u32 old_cpl, const Slot& code, const Slot* stack) {
  const CpuState& s = c.s;
  const bool usual = !in_ldt(s.seg[CS].selector) && !in_ldt(s.seg[SS].selector) && s.seg[SS].big();
  if (!usual || !usual_mode(c)) return;
  c.memo.target(s.seg[CS].selector) = {old_cpl,   stack != nullptr, raw(code.d), stack ? raw(stack->d) : 0,
                                       s.seg[CS], s.seg[SS]};
}

bool deliver_by_memo(Core& c, const Event& e, u32 cr2) {
  CpuState& s = c.s;
  const TransferMemo::Gate& g = c.memo.gate(e.vector);
  if (g.key != gate_key(e, s.cpl()) || !usual_mode(c)) return false;
  if (!unchanged(c, s.idtr.base, s.idtr.limit, e.vector * 8u, g.gate) ||
      !unchanged_descriptor(c, g.cs.selector, g.code))
    return false;

  const SegmentRegister& stack = g.inner ? g.ss : s.seg[SS];
  u32 esp = s.gpr[ESP];
  if (g.inner) {
    const u32 at = 4 + (g.cs.selector & 3) * 8;
    if (!s.tr.usable() || !(s.tr.type() & system_type::k32) || at + 5 > s.tr.limit) return false;
    const u8* p = hit<u64>(c.tlb.supervisor.data(), s.tr.base + at);
    if (!p || static_cast<u16>(word(p, 1)) != g.ss.selector ||
        !unchanged_descriptor(c, g.ss.selector, g.stack))
      return false;
    esp = word(p, 0);
  } else if (!unlimited_stack(stack)) {
    return false;
  }
  const u32 error_words = e.has_error_code ? 1 : 0, words = error_words + (g.inner ? 5 : 3);
  esp -= 4 * words;
  u8* const frame = hit_to_write(c.tlb.supervisor.data(), stack.base + esp, 4 * words);
  if (!frame) return false;

  if (e.has_error_code) put_word(frame, 0, e.error_code);
  u8* const p = frame + 4 * error_words;
  put_word(p, 0, s.eip + e.instruction_length);
  put_word(p, 1, s.seg[CS].selector);
  put_word(p, 2, s.eflags | (fault_class(e) ? eflags::RF : 0));
  if (g.inner) {
    put_word(p, 3, s.gpr[ESP]);
    put_word(p, 4, s.seg[SS].selector);
    s.seg[SS] = g.ss;
  }
  s.gpr[ESP] = esp;
  s.seg[CS] = g.cs;
  s.eip = g.eip;
  s.eflags &= ~g.cleared;
  if (e.type == EventType::HardwareException && e.vector == vector::PF) s.cr2 = cr2;
  return true;
}

bool return_by_memo(Core& c) {
  CpuState& s = c.s;
  if (!usual_mode(c) || (s.eflags & eflags::NT) || !unlimited_stack(s.seg[SS])) return false;
  const u32 cpl = s.cpl(), at = s.seg[SS].base + s.gpr[ESP];
  const TlbEntry* const entries = cpl == 3 ? c.tlb.user.data() : c.tlb.supervisor.data();
  const u8* p = hit<u32>(entries, at, 12);
  if (!p) return false;
  const u32 eip = word(p, 0), flags = word(p, 2);
  const u16 cs = static_cast<u16>(word(p, 1));
  const TransferMemo::Return& r = c.memo.target(cs);
  if (r.cpl != cpl || r.cs.selector != cs || eip > r.cs.limit || (flags & eflags::VM) ||
      !unchanged_descriptor(c, cs, r.code))
    return false;
  u32 esp = s.gpr[ESP] + 12;
  if (r.outer) {
    p = hit<u32>(entries, at, 20);
    if (!p || static_cast<u16>(word(p, 4)) != r.ss.selector ||
        !unchanged_descriptor(c, r.ss.selector, r.stack))
      return false;
    esp = word(p, 3);
  }

  const u32 mask = changeable_flags(s) & existing_flags(c.config.model);
  s.eflags = (s.eflags & ~mask) | (flags & mask) | eflags::kFixedOne;
  s.seg[CS] = r.cs;
  s.eip = eip;
  s.gpr[ESP] = esp;
  if (r.outer) {
    s.seg[SS] = r.ss;
    if (r.ss.dpl() != 3 || !for_everyone(s)) drop_inner_segments(s);
  }
  c.counters.irets++;
  return true;
}

}  // namespace ringside
