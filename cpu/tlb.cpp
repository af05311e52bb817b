// Dropping translations. Filling them is in linear_memory.cpp.
// Manual: Intel SDM vol. 3 section 4.10.4.
#include "cpu/core.h"

namespace ringside {
namespace {

// An emptied slot stays listed in `filled`; fill_tlb() lists a slot when page_tag says that it never held a
// page.
void empty(TlbEntry& entry) {
  entry.read_tag = entry.write_tag = TlbEntry::kNone;
  entry.page_tag = TlbEntry::kEmptied;
  entry.flags = 0;
}

void drop(TlbEntry& entry) {
  entry.read_tag = entry.write_tag = entry.page_tag = TlbEntry::kNone;
  entry.flags = 0;
}

}  // namespace

void set_user_tags(Core& core, bool given) {
  for (u32 i = 0; i < core.tlb.filled_count; i++) {
    const u16 slot = core.tlb.filled[i];
    if (slot < Tlb::kEntries) continue;
    TlbEntry& entry = core.tlb.user[slot - Tlb::kEntries];
    if (!(entry.page_tag & TlbEntry::kNone)) set_tags(entry, given);  // neither kNone nor kEmptied
  }
}

void flush_tlb(Core& core, bool keep_global) {
  Tlb& tlb = core.tlb;
  u32 kept = 0;
  for (u32 i = 0; i < tlb.filled_count; i++) {
    const u16 slot = tlb.filled[i];
    TlbEntry& entry = slot < Tlb::kEntries ? tlb.supervisor[slot] : tlb.user[slot - Tlb::kEntries];
    if (keep_global && (entry.flags & kTlbGlobal))
      tlb.filled[kept++] = slot;
    else
      drop(entry);
  }
  tlb.filled_count = kept;
  if (!kept) tlb.large_pages = false;
  if (core.tlb_model) core.tlb_model->flush(keep_global);
  drop_code_translations(core);
}

void invalidate_translation(Core& core, LinearAddr address) {
  Tlb& tlb = core.tlb;
  if (core.tlb_model) core.tlb_model->invalidate(address);
  for (bool user : {false, true}) {
    TlbEntry& entry = tlb.entry(address, user);
    if (entry.page_tag == address.page().value) empty(entry);
  }
  if (!tlb.large_pages) return drop_code_translation(core, address.page());

  // INVLPG inside a large page drops all of it; 4 MiB are the largest that there are.
  const u32 begin = address.value & ~0x3FFFFFu;
  for (u32 i = 0; i < tlb.filled_count; i++) {
    const u16 slot = tlb.filled[i];
    TlbEntry& entry = slot < Tlb::kEntries ? tlb.supervisor[slot] : tlb.user[slot - Tlb::kEntries];
    if ((entry.flags & kTlbLarge) && entry.page_tag - begin < 0x400000u) empty(entry);
  }
  drop_code_translations(core);
}

void evict_translation(Core& core, const TlbModel::Victim& victim, bool code) {
  if (code) {
    if (victim.bytes == kPageSize) return drop_code_translation(core, victim.page);
    return drop_code_translations(core);
  }
  for (u32 i = 0; i < core.tlb.filled_count; i++) {
    const u16 slot = core.tlb.filled[i];
    TlbEntry& entry = slot < Tlb::kEntries ? core.tlb.supervisor[slot] : core.tlb.user[slot - Tlb::kEntries];
    if (entry.page_tag - victim.page.value < victim.bytes) empty(entry);
  }
}

}  // namespace ringside
