// The body of walk_pages(); see cpu/paging.h. Section numbers are those of the Intel SDM, volume 3.
//
// Simplified: the PAE pointer table is read from memory on every walk (as AMD's processors do) instead of
// being loaded into registers by MOV to CR3; accessed and dirty bits are set only once the whole walk has
// succeeded.
#pragma once

namespace ringside {
namespace paging_detail {

/// MAXPHYADDR of every model: 36 bits with PAE, 32 without.
inline constexpr u64 kPaeReserved = 0xFFFFFFF000000000ull;  // no NX: bit 63 is reserved as well
inline constexpr u64 kPaeFrame = 0x0000000FFFFFF000ull;
inline constexpr u64 kPointerReserved = kPaeReserved | 0x1E6;  // section 4.4.1
inline constexpr u64 kLarge4MReserved = 0x003FE000;            // no PSE-36: bits 21:13 of a 4 MiB entry
inline constexpr u64 kLarge2MReserved = kPaeReserved | 0x001FE000;

}  // namespace paging_detail

template <class Read, class Write>
PageWalk walk_pages(const PagingMode& mode, LinearAddr address, Access access, bool set_bits, Read&& read,
                    Write&& write) {
  namespace d = paging_detail;
  PageWalk walk;
  if (!(mode.cr0 & cr0::PG)) {
    walk.ok = walk.writable = walk.user = walk.dirty = true;
    walk.physical = address.value;
    walk.page_bytes = kPageSize;
    return walk;
  }
  const bool pae = mode.cr4 & cr4::PAE, pse = mode.cr4 & cr4::PSE;
  const u32 fault_bits = (access == Access::Write ? page_fault::W : 0) | (mode.user ? page_fault::U : 0);

  auto visit = [&](u8 level, u64 entry_address) {
    u64 entry = read(entry_address);
    if (pae) entry |= u64{read(entry_address + 4)} << 32;
    walk.steps[walk.count++] = {level, entry_address, entry};
    return entry;
  };
  auto fault = [&](u32 more) {
    walk.error_code = fault_bits | more;
    return walk;
  };

  u64 table = mode.cr3 & pte::kFrame;
  if (pae) {
    u64 pointer = visit(3, (mode.cr3 & ~31u) + (address.value >> 30) * 8);
    if (!(pointer & pte::P)) return fault(0);
    if (pointer & d::kPointerReserved) return fault(page_fault::P | page_fault::RSVD);
    table = pointer & d::kPaeFrame;
  }
  const u32 large_bits = pae ? 21 : 22, entry_bytes = pae ? 8 : 4, index_mask = pae ? 511 : 1023;

  u64 entry = visit(2, table + ((address.value >> large_bits) & index_mask) * entry_bytes);
  if (!(entry & pte::P)) return fault(0);
  const bool large = (entry & pte::PS) && (pae || pse);
  const u64 reserved =
      pae ? (large ? d::kLarge2MReserved : d::kPaeReserved) : (large ? d::kLarge4MReserved : 0);
  if (entry & reserved) return fault(page_fault::P | page_fault::RSVD);

  u64 rights = entry & (pte::W | pte::U);
  if (large) {
    walk.page_bytes = 1u << large_bits;
    walk.physical = (entry & (pae ? d::kPaeFrame : pte::kFrame) & ~u64{walk.page_bytes - 1}) |
                    (address.value & (walk.page_bytes - 1));
  } else {
    entry = visit(
        1, (entry & (pae ? d::kPaeFrame : pte::kFrame)) + ((address.value >> 12) & index_mask) * entry_bytes);
    if (!(entry & pte::P)) return fault(0);
    if (pae && (entry & d::kPaeReserved)) return fault(page_fault::P | page_fault::RSVD);
    rights &= entry;
    walk.page_bytes = kPageSize;
    walk.physical = (entry & (pae ? d::kPaeFrame : pte::kFrame)) | address.offset();
  }

  // Section 4.6: a right must be granted at every level; a supervisor may write anywhere while WP is clear.
  walk.writable = rights & pte::W;
  walk.user = rights & pte::U;
  walk.global = (entry & pte::G) && (mode.cr4 & cr4::PGE);
  if (mode.user && !walk.user) return fault(page_fault::P);
  if (access == Access::Write && !walk.writable && (mode.user || (mode.cr0 & cr0::WP)))
    return fault(page_fault::P);
  walk.ok = true;

  // Section 4.8: A in every entry used (the PAE pointers have none), D in the last one on a write.
  const u8 first = pae ? 1 : 0;
  for (u8 i = first; set_bits && i < walk.count; i++) {
    const WalkStep& step = walk.steps[i];
    const bool last = i + 1 == walk.count;
    const u64 wanted = step.entry | pte::A | (last && access == Access::Write ? pte::D : 0);
    if (wanted != step.entry) write(step.entry_address, static_cast<u32>(wanted));
  }
  walk.dirty = (entry & pte::D) || (set_bits && access == Access::Write);
  return walk;
}

}  // namespace ringside
