#include "cpu/block_cache.h"

#include "cpu/execute/exits.h"

namespace ringside {

BlockCache::BlockCache(u64 ram_bytes)
    : jumps(new JumpEntry[kJumps]),
      buckets_(new Block*[kBuckets]()),
      code_pages_((ram_bytes / kPageSize + 63) / 64),
      fetch_(new FetchEntry[2 * kFetchEntries]) {
  decoded_.reserve(kMaxInstructions);
}

// ---- translations for instruction fetch

void new_generation(Core& c) {
  const u32 bits = c.x.context & ((1u << mode::kBits) - 1);
  if (++c.x.generation ==
      1u << (32 - mode::kBits)) {  // the numbers are used up: begin again with nothing cached
    c.x.generation = 1;
    c.blocks->clear(c);
  }
  c.x.context = c.x.generation << mode::kBits | bits;
}

bool BlockCache::translate(Core& c, LinearAddr address, MachinePhys& physical) {
  FetchEntry& e = fetch_[(c.user() ? kFetchEntries : 0) + (address.frame() & (kFetchEntries - 1))];
  const u32 page = address.page().value;
  if (e.page != page || e.epoch != epoch_) {
    MachinePhys found;
    if (!translate_code(c, address, found)) return false;  // the whole address: a fault shows it in CR2
    if (e.epoch == epoch_) new_generation(c);  // evicts a translation that cached branch targets rely on
    e = {page, epoch_, found.page().value};
  }
  physical = MachinePhys(e.physical + address.offset());
  return true;
}

void BlockCache::drop_translation(Core& c, LinearAddr page) {
  for (u32 half : {0u, kFetchEntries}) {
    FetchEntry& e = fetch_[half + (page.frame() & (kFetchEntries - 1))];
    if (e.page != page.page().value || e.epoch != epoch_) continue;
    e = {};
    new_generation(c);
  }
}

void BlockCache::drop_translations(Core& c) {
  ++epoch_;
  new_generation(c);
}

// ---- finding blocks

Insn* BlockCache::find(Core& c, u32 mode) {
  const u32 eip = c.s.eip;
  if (eip > c.x.cs_limit) {
    c.raise(vector::GP, 0);
    return nullptr;
  }
  const LinearAddr linear(c.x.cs_base + eip);
  MachinePhys physical;
  if (!translate(c, linear, physical)) return nullptr;
  Block* block = lookup(c, physical.value, mode);
  Insn* entry = block ? block->entry : build(c, physical, mode);
  const bool cacheable = entry && linkable(entry) && (!(mode & mode::kFlat) || eip <= kFlatLimit);
  if (cacheable) jumps[jump_index(eip)] = {eip, c.x.generation << mode::kBits | mode, entry};
  return entry;
}

Block* BlockCache::lookup(const Core& c, u64 physical, u32 mode) {
  for (Block* b = buckets_[bucket(physical, mode)]; b; b = b->next) {
    if (b->physical == physical && b->mode == mode && b->eip == c.s.eip && b->cs_base == c.x.cs_base &&
        b->cs_limit == c.x.cs_limit)
      return b;
  }
  return nullptr;
}

Insn* BlockCache::allocate(Core& c, unsigned count) {
  if (chunk_used_ + count > kChunkInsns) {
    ++chunk_;
    chunk_used_ = 0;
  }
  if (chunk_ == kChunks) clear(c);
  if (chunk_ == chunks_.size()) chunks_.emplace_back(new Insn[kChunkInsns]);
  Insn* slots = chunks_[chunk_].get() + chunk_used_;
  chunk_used_ += count;
  return slots;
}

void BlockCache::clear(Core& c) {
  std::fill_n(buckets_.get(), kBuckets, nullptr);
  std::fill_n(jumps.get(), kJumps, JumpEntry{});
  blocks_.clear();
  for (auto& [frame, page] : pages_) page = {};
  chunk_ = chunk_used_ = 0;
  ++life_;
  c.x.attention = true;
}

// ---- pages that hold code

void BlockCache::mark(Core& c, Block* block, u64 physical, u32 bytes) {
  const u64 frame = physical >> 12;
  if (frame / 64 >= code_pages_.size()) return;  // ROM above the RAM: never written
  CodePage& page = pages_[frame];
  page.blocks.push_back(block);
  for (u32 at = (physical & kPageMask) / 64; at <= ((physical & kPageMask) + bytes - 1) / 64; ++at)
    page.granules |= u64{1} << at;
  u64& word = code_pages_[frame / 64];
  const u64 bit = u64{1} << (frame % 64);
  if (word & bit) return;
  word |= bit;
  for (auto* half : {&c.tlb.supervisor, &c.tlb.user}) {
    for (TlbEntry& e : *half) {
      if (e.page_tag == TlbEntry::kNone || e.physical >> 12 != frame) continue;
      e.flags |= kTlbCode;
      e.write_tag = TlbEntry::kNone;
    }
  }
}

void BlockCache::release(Core& c, u64 frame) {
  pages_.erase(frame);
  code_pages_[frame / 64] &= ~(u64{1} << (frame % 64));
  for (auto* half : {&c.tlb.supervisor, &c.tlb.user}) {
    for (TlbEntry& e : *half) {
      if (e.page_tag == TlbEntry::kNone || e.physical >> 12 != frame || !(e.flags & kTlbCode)) continue;
      e.flags &= ~kTlbCode;
      if ((e.flags & (kTlbWritable | kTlbRom)) == kTlbWritable) e.write_tag = e.read_tag;
    }
  }
}

void BlockCache::written(Core& c, MachinePhys begin, u32 bytes) {
  const auto found = pages_.find(begin.frame());
  if (found == pages_.end()) return;
  CodePage& page = found->second;
  if (page.blocks.empty() && ++page.idle_stores == kReleaseAfter) return release(c, begin.frame());
  const u32 first = begin.offset() / 64, last = (begin.offset() + bytes - 1) / 64;
  const u64 touched = (~u64{0} << first) & (~u64{0} >> (63 - last));
  if (!(page.granules & touched)) return;
  std::vector<Block*> hit;
  for (Block* b : page.blocks) {
    const u64 in_page = b->physical >> 12 == begin.frame() ? b->physical : begin.page().value;
    const u64 end = b->second_page != Block::kNoPage && in_page != b->physical
                        ? in_page + kMaxInstructionLength
                        : in_page + b->bytes;
    if (in_page < begin.value + bytes && begin.value < end) hit.push_back(b);
  }
  for (Block* b : hit) drop(*b);
  page.idle_stores = 0;
  if (!hit.empty()) c.x.attention = true;
}

void BlockCache::drop(Block& block) {
  if (block.dropped) return;
  block.dropped = true;
  block.entry->run = redirect;
  Block** at = &buckets_[bucket(block.physical, block.mode)];
  while (*at != &block) at = &(*at)->next;
  *at = block.next;
  for (const u64 physical : {block.physical, block.second_page}) {
    if (physical == Block::kNoPage) continue;
    const auto found = pages_.find(physical >> 12);
    if (found == pages_.end()) continue;
    std::erase(found->second.blocks, &block);
    if (found->second.blocks.empty()) found->second.granules = 0;
  }
}

void BlockCache::drop_at(const Insn* entry) {
  for (Block& b : blocks_)
    if (b.entry == entry) drop(b);
}

// ---- what the rest of the processor calls

bool holds_code(const Core& c, MachinePhys page) { return c.blocks->holds_code(page); }
void code_written(Core& c, MachinePhys begin, u32 bytes) { c.blocks->written(c, begin, bytes); }
void drop_code_translation(Core& c, LinearAddr page) { c.blocks->drop_translation(c, page); }
void drop_code_translations(Core& c) { c.blocks->drop_translations(c); }

}  // namespace ringside
